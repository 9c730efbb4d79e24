"""Let a solver score an exam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from llmexam.errors import ScoreError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver

Progress = Callable[[int], None]

# Solvers deduplicate within one call, so a call gets much; but a progress bar should move.
_QUESTIONS_A_CALL = 500


def solve(
    exam: Exam,
    solver: str | Solver,
    settings: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> ScoreMatrix:
    """Return a solver's scores for all questions of an exam.

    Args:
        exam: The questions, with their evidence.
        solver: A solver, or the name of one.
        settings: Settings by key, where a name is given.
        progress: Called with the number of questions scored since the last call.

    Raises:
        SettingsError: The name or a setting is wrong.
        MissingDependencyError: A package the solver needs is not installed.
        ScoreError: The solver broke its contract.
    """
    judge = create_solver(solver, settings) if isinstance(solver, str) else solver
    parts = []
    for batch in _batches(exam.questions):
        scores = judge.score(batch)
        _check(scores, batch, solver)
        parts.append(scores)
        if progress is not None:
            progress(len(batch))
    return _stack(parts)


def _batches(questions: Sequence[Question]) -> Iterator[Sequence[Question]]:
    for start in range(0, len(questions), _QUESTIONS_A_CALL):
        yield questions[start : start + _QUESTIONS_A_CALL]


def _check(scores: ScoreMatrix, batch: Sequence[Question], solver: str | Solver) -> None:
    """Check what a solver of another package may get wrong."""
    name = solver if isinstance(solver, str) else type(solver).__name__
    if scores.question_ids != tuple(q.id for q in batch):
        raise ScoreError(f"solver '{name}' returned other questions than it was asked")
    if scores.n_options.tolist() != [len(q.options) for q in batch]:
        raise ScoreError(f"solver '{name}' did not return one score an option")


def _stack(parts: Sequence[ScoreMatrix]) -> ScoreMatrix:
    rows = [row for part in parts for row in part.rows()]
    ids = [question_id for part in parts for question_id in part.question_ids]
    cut = np.concatenate([part.truncated for part in parts]) if parts else np.zeros(0, bool)
    return ScoreMatrix.from_rows(ids, rows, cut)
