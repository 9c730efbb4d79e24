"""Score questions in several processes, for solvers that use one core."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from llmexam.errors import RunError
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.machine import end_with_parent, n_cores, started_as_command
from llmexam.solvers.protocol import Solver

# Starting a process takes about as long as `lexical` needs for so many questions.
_FEW = 2_000
# Questions that wait to be scored, for each process, so that memory stays bounded.
_CALLS_AHEAD = 4


def choose_workers(solver: Solver, n_questions: int, asked: int | None) -> int:
    """Return the number of processes that a solver is to score with.

    Args:
        solver: The solver.
        n_questions: How many questions there are.
        asked: What the user asked for; None for all cores where that is faster. The processes
            import the main module again, so without being asked only commands start some.
    """
    if not solver.describe().one_core:
        return 1
    if asked is not None:
        return max(1, min(asked, n_questions))
    return n_cores() if started_as_command() and n_questions >= _FEW else 1


def score_in_processes(
    solver: Solver, batches: Sequence[Sequence[Question]], n_workers: int
) -> Iterator[ScoreMatrix]:
    """Yield the scores of each batch, in order; they equal those of one process.

    Args:
        solver: A solver whose scores need nothing but its settings and the questions.
        batches: The questions of each call.
        n_workers: Number of processes.

    Raises:
        RunError: A process was killed.
    """
    # A forked child may inherit a lock that a thread of a library holds.
    executor = ProcessPoolExecutor(
        min(n_workers, len(batches)),
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(solver,),
    )
    try:
        ahead = n_workers * _CALLS_AHEAD
        waiting = [executor.submit(_score, batch) for batch in batches[:ahead]]
        for number in range(len(batches)):
            found = waiting.pop(0).result()
            if number + ahead < len(batches):
                waiting.append(executor.submit(_score, batches[number + ahead]))
            yield found
    except BrokenProcessPool:
        raise RunError(
            "a process that scored questions was killed, perhaps for lack of memory",
            hint="Run the same command again with fewer workers",
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


_solver: Solver | None = None
"""The solver of this process."""


def _start(solver: Solver) -> None:
    global _solver
    # Ctrl-C goes to all processes of a terminal; the main process ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _solver = solver


def _score(questions: Sequence[Question]) -> ScoreMatrix:
    assert _solver is not None
    return _solver.score(questions)
