"""Build parts in processes of this machine."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from llmexam.errors import RunError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.manifest import PartRecord
from llmexam.evidence.index.parts.part import PartJob, PartRunner, build_part
from llmexam.machine import end_with_parent, n_cores, started_as_command

Encoders = Callable[[str | None], Encoder]
"""Returns the bi-encoder in the precision of a job."""


def local_runner(n_workers: int | None = None, encoders: Encoders | None = None) -> PartRunner:
    """Return what builds parts on this machine.

    Args:
        n_workers: Number of processes; None is one per core. A script's main module is imported
            again by each, so without being asked only commands start some.
        encoders: Returns the bi-encoder of dense parts, which are built one after the other in
            this process, because an encoder uses all cores.
    """
    asked = n_workers or (n_cores() if started_as_command() else 1)

    def run(jobs: Sequence[PartJob], done: Callable[[PartRecord], None]) -> None:
        n = min(asked, len(jobs))
        if encoders is not None or n <= 1:
            encoder = encoders(jobs[0].precision) if encoders is not None and jobs else None
            for job in jobs:
                done(build_part(job, encoder))
            return
        _run_in_processes(jobs, done, n)

    return run


def _run_in_processes(
    jobs: Sequence[PartJob], done: Callable[[PartRecord], None], n_workers: int
) -> None:
    # A forked child may inherit a lock that a thread of a library holds.
    pool = ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"), initializer=_start)
    try:
        for future in as_completed([pool.submit(build_part, job) for job in jobs]):
            done(future.result())
    except BrokenProcessPool:
        raise RunError(
            "a process that built a part was killed, perhaps for lack of memory",
            hint="Run the same command again with fewer --workers: finished parts are kept",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    # Ctrl-C goes to all processes of a terminal; the main process ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
