"""Score all questions of an exam with a solver, in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from llmexam.errors import ScoreError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings
from llmexam.solvers.processes import choose_workers, score_in_processes
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.stages.part_sizes import FIRST_PART, next_size

Progress = Callable[[int, int], None]

# Solvers deduplicate within one call, so calls should be large, but small enough for a progress
# bar to move. `whole_exam` solvers get all questions in one call.
QUESTIONS_A_CALL = 64


class Parts(Protocol):
    """Keeps the scores of the first questions, such as `ScoreParts`."""

    @property
    def found(self) -> ScoreMatrix:
        """The scores of the first questions."""
        ...

    def __len__(self) -> int:
        """Return the number of questions with scores."""
        ...

    def add(self, part: ScoreMatrix) -> None:
        """Keep the scores of the next questions."""
        ...


def solve(
    exam: Exam,
    solver: str | Solver,
    settings: Mapping[str, Any] | Settings | None = None,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
) -> ScoreMatrix:
    """Return a solver's scores for all questions of an exam.

    Args:
        exam: The questions, with their evidence.
        solver: A solver, or the name of one.
        settings: Settings, where a name is given.
        progress: Called with the number of questions scored so far, and the total.
        workers: Processes of solvers that use one core, such as `lexical`; None for all cores
            where that is faster. A script that sets it must start below
            `if __name__ == "__main__"`.

    Raises:
        SettingsError: The name or a setting is wrong.
        MissingDependencyError: A package the solver needs is not installed.
        ScoreError: The solver returned invalid scores.
        RunError: A process was killed.
    """
    made = create_solver(solver, settings) if isinstance(solver, str) else solver
    name = solver if isinstance(solver, str) else type(solver).__name__
    parts = []
    n_done = 0
    for scores in score_batches(
        exam.questions, made, name, choose_workers(made, len(exam), workers)
    ):
        parts.append(scores)
        n_done += len(scores)
        if progress is not None:
            progress(n_done, len(exam))
    return ScoreMatrix.concatenate(parts)


def score_batches(
    questions: Sequence[Question], solver: Solver, name: str, n_workers: int = 1
) -> Iterator[ScoreMatrix]:
    """Yield the scores of consecutive questions, batch by batch.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: Its name in error messages.
        n_workers: Number of processes.

    Raises:
        ScoreError: The solver returned invalid scores.
        RunError: A process was killed.
    """
    size = len(questions) if solver.describe().whole_exam else QUESTIONS_A_CALL
    batches = list(_batches(questions, size))
    found = (
        score_in_processes(solver, batches, n_workers)
        if n_workers > 1
        else (solver.score(batch) for batch in batches)
    )
    for batch, scores in zip(batches, found, strict=True):
        _check(scores, batch, name)
        yield scores


def solve_in_parts(
    exam: Exam,
    solver: Solver,
    parts: Parts,
    *,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> ScoreMatrix:
    """Return a solver's scores for all questions, and keep each part as soon as it is scored.

    The first two parts are small: the first may include loading a model. Each further one has as
    many questions as the solver is expected to score in a few seconds. So no more than this is
    lost if the process is killed.

    Args:
        exam: The questions, with their evidence.
        solver: The solver. One that needs the whole exam in one call has only one part.
        parts: Where parts are kept; it may have the scores of the first questions already.
        progress: Called with the number of questions scored so far, and the total.
        clock: Returns the time, in seconds.

    Raises:
        ScoreError: The solver returned invalid scores.
        RunError: A process was killed.
    """
    whole = solver.describe().whole_exam
    size = len(exam) if whole else FIRST_PART
    progress(len(parts), len(exam))
    start = len(parts)
    while len(parts) < len(exam):
        begin = clock()
        at = len(parts)
        scores = solve(exam.subset(range(at, min(at + size, len(exam)))), solver)
        parts.add(scores)
        progress(len(parts), len(exam))
        if at > start:
            size = next_size(size, len(scores), clock() - begin)
    return parts.found


def _batches(questions: Sequence[Question], n: int) -> Iterator[Sequence[Question]]:
    for start in range(0, len(questions), max(1, n)):
        yield questions[start : start + n]


def _check(scores: ScoreMatrix, batch: Sequence[Question], name: str) -> None:
    """Check the scores of a solver, which may be a plug-in."""
    if scores.question_ids != tuple(q.id for q in batch):
        raise ScoreError(f"solver '{name}' returned the ids of other questions than it was given")
    if scores.n_options.tolist() != [len(q.options) for q in batch]:
        raise ScoreError(f"solver '{name}' did not return one score per option")
