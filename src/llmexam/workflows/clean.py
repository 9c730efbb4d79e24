"""Clean a corpus: apply the steps of a YAML file, and write a corpus of Parquet files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llmexam.collecting.cleaning.counts import StepCounts
from llmexam.collecting.cleaning.output import write_corpus, write_dropped
from llmexam.collecting.cleaning.passes import (
    Pass,
    Progress,
    ReadCounts,
    run_passes,
    split_into_passes,
)
from llmexam.collecting.cleaning.plan import CleaningPlan
from llmexam.collecting.cleaning.sharded import ClusterCleaner
from llmexam.collecting.cleaning.source import read_parts
from llmexam.errors import RunError, SettingsError
from llmexam.evidence.corpus import CorpusCounts, CorpusSettings, corpus_files
from llmexam.machine import n_cores
from llmexam.settings.walk import dump_key
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.cluster import Cluster
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.locking import lock_folder
from llmexam.storage.temporary import is_temporary

_REPORT = "report.json"
_WORK = ".work"
_OWN = (_REPORT, _WORK, ".lock")


@dataclass(frozen=True)
class CleaningReport:
    """What each step of a cleaning did.

    Attributes:
        n_documents: Documents of the corpus.
        n_sampled: Documents that were cleaned: all of them, or a sample.
        n_blank: Rows without text, which were skipped.
        steps: Name and counts of each step, in order.
    """

    n_documents: int
    n_sampled: int
    n_blank: int
    steps: tuple[tuple[str, StepCounts], ...] = field(default=())

    @property
    def n_kept(self) -> int:
        """Number of documents after the last step."""
        return self.steps[-1][1].n_out

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "documents": self.n_documents,
            "sampled": self.n_sampled,
            "blank_rows": self.n_blank,
            "kept": self.n_kept,
            "steps": [{"step": name, **counts.as_dict()} for name, counts in self.steps],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CleaningReport:
        """Return the report that `as_dict` returned."""
        return cls(
            values["documents"],
            values["sampled"],
            values["blank_rows"],
            tuple((one["step"], StepCounts.from_dict(one)) for one in values["steps"]),
        )


def clean_corpus(
    corpora: Sequence[CorpusSettings | str | Path],
    plan: CleaningPlan,
    *,
    out: str | Path | None = None,
    sample: int | None = None,
    seed: int = 0,
    keep_dropped: bool = False,
    n_workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda name, n_done, n_all: None,
    cluster: Cluster | None = None,
) -> CleaningReport:
    """Clean a corpus and return the counts of each step.

    An interrupted call resumes at the first part that is missing. The result depends on the corpus
    and the plan only, not on the number of processes or on interruptions.

    Args:
        corpora: Files and folders of documents.
        plan: The steps.
        out: Folder for the cleaned corpus and `report.json`; without it, nothing is written.
        sample: Clean this number of documents, drawn at random.
        seed: Random seed of the sample.
        keep_dropped: Write dropped documents to `<out>-dropped.parquet`, with step and reason.
        n_workers: Number of processes; by default one for each core.
        overwrite: Replace the cleaned corpus that the folder contains.
        progress: Called with the name of a pass, and its parts that are done and in all.
        cluster: What cleans the parts instead of processes of this machine; needs `out`.

    Raises:
        SettingsError: There is a cluster and no `out`.
        CorpusError: The corpus cannot be read.
        RunError: The folder contains other files, or the result of other settings.
        MissingDependencyError: A step needs a package that is not installed.
    """
    settings = [
        one if isinstance(one, CorpusSettings) else CorpusSettings(path=Path(one))
        for one in corpora
    ]
    if cluster is not None and out is None:
        raise SettingsError(
            "expected an output folder with a cluster, because workers write there",
            field="cluster",
            hint="Give --out, or leave out --cluster",
        )
    plan.check()
    key = _key(plan, settings, None if sample is None else [sample, seed], keep_dropped)
    with ExitStack() as stack:
        if out is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="llmexam-")))
        else:
            folder = Path(out)
            _require_apart(folder, settings)
            _require_own(folder, settings)
            stack.enter_context(lock_folder(folder))
            finished = _open_finished(folder, key, overwrite=overwrite)
            if finished is not None:
                return finished
        work = _work_folder(folder, key)
        passes = split_into_passes(plan, work, keeps_dropped=keep_dropped)
        cleaner = None
        if cluster is not None:
            cleaner = ClusterCleaner(plan, work, keeps_dropped=keep_dropped, cluster=cluster)
        counts = CorpusCounts()
        read = run_passes(
            passes,
            lambda: read_parts(
                settings,
                columns=plan.columns,
                n_documents=plan.documents_per_file,
                sample=sample,
                seed=seed,
                counts=counts,
            ),
            counts=counts,
            n_workers=n_workers or n_cores(),
            progress=progress,
            cleaner=cleaner,
        )
        report = _report(passes, read)
        if out is not None:
            _write(folder, passes, read, report, key)
    return report


def dropped_path(out: str | Path) -> Path:
    """Return the file of dropped documents, which is outside the corpus that it was dropped from.

    >>> dropped_path("clean").name
    'clean-dropped.parquet'
    """
    folder = Path(out).absolute()
    return folder.with_name(f"{folder.name}-dropped.parquet")


def _key(
    plan: CleaningPlan,
    corpora: Sequence[CorpusSettings],
    sample: list[int] | None,
    keeps_dropped: bool,
) -> str:
    """Return a hash of all that the result depends on."""
    return hash_json(
        {
            "plan": plan.key(),
            "code": code_hash(__name__, *sorted({type(step).__module__ for step in plan.steps})),
            # After `check`, all of them are installed.
            "packages": sorted((name, version(name)) for name in plan.packages),
            "corpora": [_corpus_key(one) for one in corpora],
            "sample": sample,
            "keep_dropped": keeps_dropped,
        }
    )


def _corpus_key(settings: CorpusSettings) -> Any:
    """Return what identifies a corpus: how it is read, and the names and contents of its files."""
    return [
        dump_key(settings, without=("path",)),
        [[label, hash_file(path)] for path, label in corpus_files(settings)],
    ]


def _require_apart(folder: Path, corpora: Sequence[CorpusSettings]) -> None:
    for one in corpora:
        if folder.resolve().is_relative_to(one.path.resolve()):
            raise RunError(
                "the output folder is inside the corpus",
                file=folder,
                hint="Choose another folder for --out",
            )


def _require_own(folder: Path, corpora: Sequence[CorpusSettings]) -> None:
    """Check that a folder is new, or contains only what this command wrote."""
    if folder.exists() and not folder.is_dir():
        raise RunError("expected a folder, got a file", file=folder)
    sources = {path.resolve() for one in corpora for path, _ in corpus_files(one)}
    # Other programs give their files the same names, so the names alone prove nothing.
    is_own = (folder / _WORK).is_dir() or _is_report(folder / _REPORT)
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if path.resolve() in sources:
            raise RunError(
                f"the output folder contains '{path.name}' of the corpus",
                file=folder,
                hint="Choose another folder for --out",
            )
        is_known = path.name in _OWN or path.match("part-*.parquet")
        if path.name != ".lock" and not is_temporary(path) and not (is_known and is_own):
            raise RunError(
                f"the folder contains '{path.name}', which is no part of a cleaned corpus",
                file=folder,
                hint="Choose another folder for --out",
            )


def _is_report(path: Path) -> bool:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"key", "steps"} <= values.keys()


def _open_finished(folder: Path, key: str, *, overwrite: bool) -> CleaningReport | None:
    """Return the report of a finished result of the same key; make room for another one."""
    report = folder / _REPORT
    if not report.exists():
        _delete_parts(folder)
        return None
    try:
        values = json.loads(report.read_text("utf-8"))
        if values["key"] == key and not overwrite:
            finished = CleaningReport.from_dict(values)
            # A process that was killed after the report may have left its work.
            shutil.rmtree(folder / _WORK, ignore_errors=True)
            return finished
    except (ValueError, KeyError, TypeError):
        values = {}
    if not overwrite:
        raise RunError(
            "the folder contains a corpus that was cleaned with other settings, from another "
            "corpus, or by another version of llmexam",
            file=folder,
            hint="Use --overwrite to replace it, or choose another folder",
        )
    report.unlink()
    _delete_parts(folder)
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    return None


def _delete_parts(folder: Path) -> None:
    for path in folder.glob("part-*.parquet"):
        path.unlink()


def _work_folder(folder: Path, key: str) -> Path:
    """Return the folder of unfinished work; work of other settings is deleted."""
    work = folder / _WORK
    for path in work.iterdir() if work.exists() else ():
        if path.name != key[:16]:
            shutil.rmtree(path)
    return work / key[:16]


def _report(passes: Sequence[Pass], read: ReadCounts) -> CleaningReport:
    steps: list[tuple[str, StepCounts]] = []
    for one in passes:
        added = [StepCounts() for _ in one.names]
        for part in range(read.n_parts):
            for counts, values in zip(added, one.record(part)["steps"], strict=True):
                counts.add(StepCounts.from_dict(values))
        steps += zip(one.names, added, strict=True)
    n_sampled = steps[0][1].n_in
    return CleaningReport(read.n_documents, n_sampled, read.n_blank, tuple(steps))


def _write(
    folder: Path, passes: list[Pass], read: ReadCounts, report: CleaningReport, key: str
) -> None:
    """Write the corpus, the dropped documents and, last of all, the report."""
    write_corpus(passes, read.n_parts, folder)
    if passes[0].keeps_dropped:
        write_dropped(passes, read.n_parts, dropped_path(folder))
    write_json(folder / _REPORT, {"key": key, **report.as_dict()})
    shutil.rmtree(folder / _WORK)
