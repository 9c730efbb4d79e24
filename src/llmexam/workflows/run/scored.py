"""Solvers that have scored an exam already, for those that ask them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import AsksOthers, Explanation, HasFeatures, OptionFeatures, Solver

# Settings that change no score.
_SILENT = ("n_supports", "cache_dir", "allow_other_evidence")


class ScoredSolver:
    """A solver whose scores of an exam are there already; it scores other questions only.

    Features and reasons come from the solver itself, which remembers what it has read.

    Args:
        solver: The solver.
        exam: The questions that it has scored.
        scores: Their scores, in the order of the exam.
    """

    def __init__(self, solver: Solver, exam: Exam, scores: ScoreMatrix) -> None:
        self.settings = solver.settings
        self.solver = solver
        self._scores = scores
        self._before = getattr(solver, "usage", None)
        self._places = {question.id: place for place, question in enumerate(exam)}
        self._exam = exam
        self._questions = exam.questions

    @property
    def order_invariant(self) -> bool:
        """Whether the places of the options matter to the solver."""
        return bool(getattr(self.solver, "order_invariant", False))

    @property
    def weights_hash(self) -> str:
        """What names the solver's weights, or nothing."""
        return str(getattr(self.solver, "weights_hash", ""))

    @property
    def usage(self) -> str:
        """What the solver has used for other questions; what it had used before is told there."""
        since = getattr(getattr(self.solver, "usage", None), "since", None)
        return str(since(self._before)) if since is not None else ""

    def again(self) -> ScoredSolver:
        """Return the same, for another that asks it."""
        return remember(self.solver, self._exam, self._scores)

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the scores that are there, and ask the solver for the others."""
        places = [self._place(question) for question in questions]
        new = [q for q, place in zip(questions, places, strict=True) if place is None]
        found = self._scores.subset([place for place in places if place is not None])
        if not new:
            return found
        both = ScoreMatrix.concatenate([found, self.solver.score(new)])
        order = {question_id: row for row, question_id in enumerate(both.question_ids)}
        return both.subset([order[question.id] for question in questions])

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return the solver's reasons."""
        return self.solver.explain(questions)

    def _place(self, question: Question) -> int | None:
        place = self._places.get(question.id)
        known = place is not None and self._questions[place] is question
        return place if known else None


class _ScoredWithFeatures(ScoredSolver):
    """The same of a solver that tells its features."""

    def __init__(self, solver: HasFeatures, exam: Exam, scores: ScoreMatrix) -> None:
        super().__init__(solver, exam, scores)
        self._telling = solver

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return the solver's features."""
        return self._telling.features(questions)


def remember(solver: Solver, exam: Exam, scores: ScoreMatrix) -> ScoredSolver:
    """Return a solver that knows its scores of an exam."""
    if isinstance(solver, HasFeatures):
        return _ScoredWithFeatures(solver, exam, scores)
    return ScoredSolver(solver, exam, scores)


def alike(a: Solver, b: Solver) -> bool:
    """Tell whether two solvers give the same scores: one class, the same settings and weights.

    Where a model lies does not matter if its weights are the same, nor what only concerns what
    is shown or kept.
    """
    return type(a) is type(b) and _telling(a) == _telling(b)


def _telling(solver: Solver) -> dict[str, Any]:
    weights = getattr(solver, "weights_hash", "")
    silent = {*_SILENT, *({"model"} if weights else ())}
    return {**solver.settings.model_dump(exclude=silent), "weights_hash": weights}


def with_known(solver: AsksOthers, known: Sequence[ScoredSolver]) -> AsksOthers:
    """Return a solver that takes the scores that are there instead of asking for them."""
    places: dict[str, Solver] = {}
    copies: dict[int, ScoredSolver] = {}
    for name, member in solver.members.items():
        same = [one for one in known if alike(one.solver, member)]
        if same:
            # What two members share is used once.
            places[name] = copies.setdefault(id(same[0]), same[0].again())
    return solver.with_members(places)
