"""Solvers with known scores of an exam, for cascades and rankers that use these scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.walk import key_values
from llmexam.solvers.protocol import (
    Explanation,
    OptionFeatures,
    Solver,
    SolverDescription,
    Usage,
)


class ScoredSolver:
    """A solver whose scores of an exam are known; it only scores other questions.

    Features and explanations come from the solver itself, which remembers what it has read.

    Args:
        solver: The solver.
        exam: The questions that it has scored.
        scores: Their scores, in the order of the exam.
    """

    def __init__(self, solver: Solver, exam: Exam, scores: ScoreMatrix) -> None:
        self.settings = solver.settings
        self.solver = solver
        self._scores = scores
        self._used_before = solver.used()
        self._rows = {question.id: row for row, question in enumerate(exam)}
        self._exam = exam
        self._questions = exam.questions

    def describe(self) -> SolverDescription:
        """Return the solver's declared capabilities, without members."""
        return replace(self.solver.describe(), members={})

    def used(self) -> Usage:
        """Return the usage for other questions; earlier usage is reported with the solver."""
        return self.solver.used().since(self._used_before)

    def again(self) -> ScoredSolver:
        """Return a copy for another solver that uses it."""
        return ScoredSolver(self.solver, self._exam, self._scores)

    def load(self, questions: Sequence[Question]) -> bool:
        """Load the solver, if it has questions to score."""
        return self.solver.load(questions)

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver, because its members do not run again."""
        return self

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the known scores, and compute those of other questions."""
        rows = [self._row(question) for question in questions]
        new = [q for q, row in zip(questions, rows, strict=True) if row is None]
        found = self._scores.subset([row for row in rows if row is not None])
        if not new:
            return found
        both = ScoreMatrix.concatenate([found, self.solver.score(new)])
        order = {question_id: row for row, question_id in enumerate(both.question_ids)}
        return both.subset([order[question.id] for question in questions])

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return the solver's explanations."""
        return self.solver.explain(questions)

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return the solver's features."""
        return self.solver.features(questions)

    def _row(self, question: Question) -> int | None:
        row = self._rows.get(question.id)
        is_same = row is not None and self._questions[row] is question
        return row if is_same else None


def alike(a: Solver, b: Solver) -> bool:
    """Return whether two solvers give the same scores: same class, settings and weights.

    Where a model is does not matter if its weights are the same, nor do settings that change no
    score.
    """
    return type(a) is type(b) and _deciding(a) == _deciding(b)


def _deciding(solver: Solver) -> tuple[str, dict[str, Any]]:
    weights = solver.describe().weights_hash
    # The weights stand for the folders of models, where a solver declares them.
    settings = key_values(solver.settings, lambda name: "" if weights else name)
    return weights, settings


def with_scored(solver: Solver, scored: Sequence[ScoredSolver]) -> Solver:
    """Return a solver that uses known scores instead of running its members."""
    members: dict[str, Solver] = {}
    copies: dict[int, ScoredSolver] = {}
    for name, member in solver.describe().members.items():
        same = [one for one in scored if alike(one.solver, member)]
        if same:
            # A solver that is a member twice is used once.
            members[name] = copies.setdefault(id(same[0]), same[0].again())
    return solver.with_members(members) if members else solver
