"""Write drafts from passages, shard by shard, in parallel, and check each question."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from llmexam.authoring.checks.protocol import ItemCheck, run_checks
from llmexam.authoring.drafts import Draft, DraftFolder, Shard
from llmexam.authoring.generators.protocol import Generator, Request
from llmexam.authoring.item import AuthoredItem, Source
from llmexam.errors import RunError
from llmexam.machine import end_with_parent

# Passages of a shard: what an interrupt loses at most, per process.
SHARD_PASSAGES = 256

Progress = Callable[[int, int | None], None]
IsEnough = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Drafting:
    """How drafts are written.

    Attributes:
        generator: Writes the questions; its `prepare` was called.
        request: What it is asked for.
        checks: Checks of single questions. Each judges all drafts, so that its own yield is known.
        n_processes: Processes that share the work. The drafts do not depend on it.
    """

    generator: Generator
    request: Request
    checks: Sequence[ItemCheck] = ()
    n_processes: int = 1


def write_drafts(
    sources: Iterable[Source],
    drafting: Drafting,
    folder: DraftFolder,
    *,
    is_enough: IsEnough | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the drafts of all passages; shards that exist are kept. Returns the number of shards.

    Args:
        sources: The passages, in the order of their shards.
        drafting: Generator, request and checks.
        folder: The folder of drafts.
        is_enough: See `store_shards`.
        progress: See `store_shards`.
    """
    shards = draft_shards(sources, drafting, folder)
    return store_shards(shards, folder, is_enough=is_enough, progress=progress)


def store_shards(
    shards: Iterable[Shard],
    folder: DraftFolder,
    *,
    is_enough: IsEnough | None = None,
    progress: Progress | None = None,
) -> int:
    """Write shards to their folder; those that are there are kept. Returns the number of shards.

    Shards are counted in order, so the result does not depend on the number of processes, nor on
    interrupts.

    Args:
        shards: The shards of all passages in order, such as those of `draft_shards`.
        folder: The folder of drafts.
        is_enough: Called after each shard with the number of shards and of accepted drafts so far;
            no further shard is written once it returns True. By default all passages are used.
        progress: Called with the number of finished passages, and None as their total.
    """
    report = progress or (lambda n_done, n_all: None)
    n_shards, n_passages, n_accepted = 0, 0, 0
    for number, shard in enumerate(shards):
        if not folder.has(number, shard.n_passages):
            folder.write(number, shard)
        n_shards = number + 1
        n_passages += shard.n_passages
        n_accepted += sum(not draft.rejections for draft in shard.drafts)
        report(n_passages, None)
        if is_enough is not None and is_enough(n_shards, n_accepted):
            break
    return n_shards


def draft_shard(sources: Sequence[Source], drafting: Drafting) -> Shard:
    """Return the drafts of some passages; of drafts with equal ids only the first is kept."""
    reasons: Counter[str] = Counter()
    unique: dict[str, AuthoredItem] = {}
    for one in drafting.generator.write(sources, drafting.request):
        reasons.update(one.reasons)
        for item in one.items:
            if item.question.id in unique:
                reasons["repeated question"] += 1
            else:
                unique[item.question.id] = item
    items = list(unique.values())
    checked = run_checks(items, drafting.checks)
    drafts = tuple(map(Draft, items, checked.rejections, checked.flags))
    return Shard(len(sources), drafts, reasons)


def draft_shards(
    sources: Iterable[Source], drafting: Drafting, folder: DraftFolder
) -> Iterator[Shard]:
    """Yield the shards in order: those on disk, and new ones from this or other processes.

    Args:
        sources: The passages, in the order of their shards.
        drafting: Generator, request and checks.
        folder: The folder of drafts.

    Raises:
        RunError: A process was killed.
    """
    stream = iter(sources)
    parts = iter(lambda: tuple(islice(stream, SHARD_PASSAGES)), ())
    if drafting.n_processes == 1:
        for number, part in enumerate(parts):
            known = folder.has(number, len(part))
            yield folder.read(number) if known else draft_shard(part, drafting)
        return
    pool = ProcessPoolExecutor(
        drafting.n_processes,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(drafting,),
    )
    waiting: deque[tuple[int, Future[Shard] | None]] = deque()
    try:
        for number, part in enumerate(parts):
            known = folder.has(number, len(part))
            waiting.append((number, None if known else pool.submit(_draft_in_worker, part)))
            # Enough to keep all processes busy; more would only hold memory.
            while len(waiting) > 2 * drafting.n_processes:
                yield _result(folder, *waiting.popleft())
        while waiting:
            yield _result(folder, *waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _result(folder: DraftFolder, number: int, future: Future[Shard] | None) -> Shard:
    if future is None:
        return folder.read(number)
    try:
        return future.result()
    except BrokenProcessPool:
        raise RunError(
            "a process that wrote drafts has ended unexpectedly, perhaps for lack of memory",
            hint="Run the same command again with fewer --processes: finished drafts are kept",
        ) from None


_drafting_of_worker: Drafting | None = None


def _start_worker(drafting: Drafting) -> None:
    global _drafting_of_worker
    end_with_parent()
    _drafting_of_worker = drafting


def _draft_in_worker(sources: Sequence[Source]) -> Shard:
    assert _drafting_of_worker is not None
    return draft_shard(sources, _drafting_of_worker)
