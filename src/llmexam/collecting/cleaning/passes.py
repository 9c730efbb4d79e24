"""Apply steps to a corpus in passes over its parts: parallel, and resumed after an interruption.

A step that depends on the whole corpus starts a new pass, because it needs the output of all
earlier steps. Each part is written whole or not at all, and its record last.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from llmexam.collecting.cleaning.counts import StepCounts
from llmexam.collecting.cleaning.parts import n_rows, part_file, read_part, select
from llmexam.collecting.cleaning.plan import CleaningPlan
from llmexam.collecting.cleaning.step import CorpusStep, Observed, Part, Step
from llmexam.collecting.corpus_files import DOCUMENT_COLUMNS, Columns, write_columns
from llmexam.collecting.document import Document
from llmexam.errors import RunError
from llmexam.evidence.corpus import CorpusCounts
from llmexam.machine import end_with_parent
from llmexam.storage.atomic import atomic_path, write_json

Progress = Callable[[str, int, int | None], None]
Submit = Callable[..., Future[None]]
_DECIDED = "decided.json"


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """What was read from the corpus.

    Attributes:
        n_parts: Number of parts.
        n_documents: Documents in the corpus.
        n_blank: Rows without text, which were skipped.
    """

    n_parts: int
    n_documents: int
    n_blank: int


@dataclass(frozen=True)
class Pass:
    """Steps that are applied together to each part.

    Attributes:
        index: Number of the pass, from 0.
        first: Number of its first step in the plan.
        names: Names of its steps.
        steps: Its steps; only the first may depend on the whole corpus.
        folder: Where its parts are written.
        observer: The first step of the next pass, which observes the output of this one.
        keeps_dropped: Whether dropped documents are written, with the reason.
    """

    index: int
    first: int
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    folder: Path
    observer: CorpusStep | None
    keeps_dropped: bool

    @property
    def decisions(self) -> Path | None:
        """Folder with the decisions of the first step; None if it needs none."""
        return self.folder / "decisions" if self.index else None

    def record_file(self, part: int) -> Path:
        """Return the path of a part's record, which is written when the part is complete."""
        return self.folder / f"{part:06}.json"

    def record(self, part: int) -> dict[str, Any]:
        """Return the record of a part."""
        record: dict[str, Any] = json.loads(self.record_file(part).read_text("utf-8"))
        return record

    def dropped_file(self, part: int) -> Path:
        """Return the path of the dropped documents of a part."""
        return self.folder / f"{part:06}.dropped"


Cleaner = Callable[[Pass, Iterable[tuple[int, Columns | Path]]], Iterator[None]]
"""Cleans parts of a pass, and yields once for each that is complete."""


def split_into_passes(plan: CleaningPlan, folder: Path, *, keeps_dropped: bool) -> list[Pass]:
    """Return the passes of a plan."""
    starts = [0]
    starts += [i for i, step in enumerate(plan.steps) if step.needs_corpus()]
    passes = []
    # A first pass without steps reads the corpus for a first step that must see all of it.
    for index, (start, end) in enumerate(pairwise([*starts, len(plan.steps)])):
        observer = plan.steps[end] if end < len(plan.steps) else None
        passes.append(
            Pass(
                index,
                start,
                plan.names[start:end],
                plan.steps[start:end],
                folder / f"pass-{index}",
                observer if isinstance(observer, CorpusStep) else None,
                keeps_dropped,
            )
        )
    return passes


def run_passes(
    passes: list[Pass],
    parts: Callable[[], Iterable[Columns]],
    *,
    counts: CorpusCounts,
    n_workers: int,
    progress: Progress,
    cleaner: Cleaner | None = None,
) -> ReadCounts:
    """Apply all passes, and return how much was read.

    Args:
        passes: The passes.
        parts: Returns the parts of the corpus.
        counts: Filled in while the parts are read.
        n_workers: Number of processes; 1 uses this process alone.
        progress: Called with the name of a pass, and its parts that are done and in all.
        cleaner: What cleans the parts of a pass instead of these processes.
    """
    read_file = passes[0].folder / "read.json"
    with _pool(n_workers if cleaner is None else 1) as submit:
        clean = cleaner or _in_processes(submit, 2 * n_workers)
        for one in passes:
            one.folder.mkdir(parents=True, exist_ok=True)
            if one.index == 0:
                # A finished first pass need not read the corpus again.
                if not read_file.exists():
                    n_parts = _apply(one, enumerate(parts()), clean, progress, None)
                    found = {"n_parts": n_parts, "n_blank": counts.n_blank}
                    write_json(read_file, {**found, "n_documents": counts.n_documents})
                read = ReadCounts(**json.loads(read_file.read_text("utf-8")))
                n_parts = read.n_parts
                continue
            before = passes[one.index - 1]
            _decide(one, before, n_parts, progress)
            sources = ((part, part_file(before.folder, part)) for part in range(n_parts))
            _apply(one, sources, clean, progress, n_parts)
            _free(before)
    return read


def _apply(
    one: Pass,
    sources: Iterable[tuple[int, Columns | Path]],
    clean: Cleaner,
    progress: Progress,
    n_parts: int | None,
) -> int:
    name = f"{', '.join(one.names) or 'read'}"
    progress(name, 0, n_parts)
    n_seen = n_done = 0

    def missing() -> Iterator[tuple[int, Columns | Path]]:
        nonlocal n_seen, n_done
        for part, source in sources:
            n_seen += 1
            if one.record_file(part).exists():
                n_done += 1
            else:
                yield part, source

    for _ in clean(one, missing()):
        n_done += 1
        progress(name, n_done, n_parts)
    progress(name, n_done, n_parts or n_seen)
    return n_seen


def _in_processes(submit: Submit, n_waiting: int) -> Cleaner:
    def clean(one: Pass, sources: Iterable[tuple[int, Columns | Path]]) -> Iterator[None]:
        waiting: set[Future[None]] = set()
        for part, source in sources:
            waiting.add(submit(clean_part, one, part, source))
            if len(waiting) >= n_waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        for future in wait(waiting).done:
            yield future.result()

    return clean


def clean_part(one: Pass, part: int, source: Columns | Path) -> None:
    """Apply the steps of a pass to one part, and write the result and its record."""
    columns = read_part(source) if isinstance(source, Path) else source
    record: dict[str, Any] = {
        "columns": [name for name, values in columns.items() if any(values)],
        "steps": [],
    }
    dropped: list[tuple[int, str, str, str]] = []
    texts = list(columns["text"])
    rows = list(range(n_rows(columns)))
    for number, (name, step) in enumerate(zip(one.names, one.steps, strict=True)):
        cleaner = step.cleaner(Part(part, one.decisions if number == 0 else None))
        counts, kept = StepCounts(), []
        for row in rows:
            document = Document(
                **{column: columns[column][row] for column in DOCUMENT_COLUMNS if column != "text"},
                text=texts[row],
            )
            outcome = cleaner.clean(document, row)
            counts.record(document, outcome)
            if outcome.dropped:
                dropped.append(
                    (row, f"{one.first + number + 1} {name}", outcome.dropped, outcome.detail)
                )
            else:
                texts[row] = outcome.text
                kept.append(row)
        rows = kept
        record["steps"].append(counts.as_dict())
    columns = {**columns, "text": texts}
    if one.keeps_dropped:
        _write_dropped(one.dropped_file(part), columns, sorted(dropped))
    result = select(columns, rows)
    write_columns(part_file(one.folder, part), [result])
    if one.observer is not None:
        for name, values in one.observer.observe(result["text"]).items():
            with (
                atomic_path(Observed.file(one.folder, part, name)) as temporary,
                temporary.open("wb") as stream,
            ):
                np.save(stream, values)
    write_json(one.record_file(part), {"n_documents": len(rows), **record})


def _write_dropped(
    path: Path, columns: Mapping[str, list[str]], dropped: list[tuple[int, str, str, str]]
) -> None:
    found = select(columns, [row for row, *_ in dropped])
    for place, name in enumerate(("step", "reason", "detail"), 1):
        found[name] = [str(one[place]) for one in dropped]
    write_columns(path, [found])


def _decide(one: Pass, before: Pass, n_parts: int, progress: Progress) -> None:
    """Let the first step of a pass decide, unless its decisions are on disk."""
    decisions = one.folder / "decisions"
    if (decisions / _DECIDED).exists():
        return
    progress(f"{one.names[0]}: compare documents", 0, None)
    shutil.rmtree(decisions, ignore_errors=True)
    decisions.mkdir(parents=True)
    sizes = tuple(before.record(part)["n_documents"] for part in range(n_parts))
    step = one.steps[0]
    assert isinstance(step, CorpusStep)
    step.decide(Observed(before.folder, sizes), decisions)
    write_json(decisions / _DECIDED, True)


def _free(before: Pass) -> None:
    """Delete the documents and arrays of a pass that the next one has read; records stay."""
    for path in before.folder.iterdir():
        if path.suffix in (".part", ".npy"):
            path.unlink()


@contextmanager
def _pool(n_workers: int) -> Iterator[Submit]:
    """Yield a function that submits calls to processes, or runs them at once for one worker."""
    if n_workers == 1:
        yield _run
        return
    executor = ProcessPoolExecutor(
        n_workers, mp_context=get_context("spawn"), initializer=_start_worker
    )
    try:
        yield executor.submit
    except BrokenProcessPool:
        raise RunError(
            "a worker process was killed, perhaps for lack of memory",
            hint="Run the same command again to resume, with fewer --workers or a smaller "
            "documents_per_file",
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def _run(function: Callable[..., None], *arguments: Any) -> Future[None]:
    function(*arguments)
    future: Future[None] = Future()
    future.set_result(None)
    return future


def _start_worker() -> None:
    # Ctrl-C goes to all processes of a terminal; the main process ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
