"""Checks by solvers that read the passage: `readers` rejects, `reference` flags suspect answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.authoring.item import AuthoredItem
from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import OneOrMany, Settings
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.solvers.spec import SolverSpec


class LazySolver:
    """A solver that is created at its first use, in the process that uses it.

    Args:
        spec: The solver and its settings.
    """

    def __init__(self, spec: SolverSpec) -> None:
        self.spec = spec
        self._made: Solver | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the solver, which may hold a model."""
        return {"spec": self.spec, "_made": None}

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the solver's scores of questions, whose ids may repeat."""
        if self._made is None:
            self._made = create_solver(self.spec.solver, self.spec.settings)
        return self._made.score(questions)


def margins_of(scores: ScoreMatrix, answers: Sequence[int]) -> NDArray[np.float64]:
    """Return by how much the answer is preferred to the best other option, -1 to 1.

    Scores of each question become probabilities by a softmax; the margin is the difference.
    """
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    shares = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(shares))
    own = shares[rows, answers].copy()
    shares[rows, answers] = -np.inf
    found: NDArray[np.float64] = own - shares.max(axis=1, initial=-1.0)
    return found


class ReadersSettings(Settings):
    """Settings of check `readers`."""

    solvers: OneOrMany[SolverSpec] = Field(
        (SolverSpec.model_validate("lexical"),),
        min_length=1,
        description="solvers that must all rank the right option first, with the passage",
    )


class ReadersCheck:
    """Rejects questions that a solver answers wrongly although it reads the passage."""

    name = "readers"
    rejects = True

    def __init__(self, settings: ReadersSettings | None = None) -> None:
        self.settings = settings or ReadersSettings()
        self._solvers = [LazySolver(spec) for spec in self.settings.solvers]

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None.

        Questions without passage or answer are accepted.
        """
        reasons: list[str | None] = [None] * len(items)
        for solver in self._solvers:
            # What one solver rejects is not scored again by the next.
            at = [i for i, item in enumerate(items) if reasons[i] is None and _can_read(item)]
            if not at:
                break
            best = solver.score([items[i].question for i in at]).ranking[:, 0]
            for i, choice in zip(at, best, strict=True):
                if choice != items[i].question.answer:
                    reasons[i] = f"{solver.spec.name} chooses {letter_of(int(choice))}"
        return reasons


class ReferenceSettings(Settings):
    """Settings of check `reference`."""

    solver: SolverSpec = Field(
        SolverSpec.model_validate("lexical"), description="solver that reads the passage"
    )
    margin: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="smallest difference of probabilities (softmax of scores) by which it prefers "
        "another option",
    )
    rejects: bool = Field(False, description="reject the questions instead of flagging them")


class ReferenceCheck:
    """Flags questions of which a solver prefers another option by a margin."""

    name = "reference"

    def __init__(self, settings: ReferenceSettings | None = None) -> None:
        self.settings = settings or ReferenceSettings()
        self.rejects = self.settings.rejects
        self._solver = LazySolver(self.settings.solver)

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each answer is suspect, or None."""
        reasons: list[str | None] = [None] * len(items)
        at = [i for i, item in enumerate(items) if _can_read(item)]
        if not at:
            return reasons
        scores = self._solver.score([items[i].question for i in at])
        margins = margins_of(scores, [items[i].question.answer or 0 for i in at])
        for i, margin, choice in zip(at, margins, scores.ranking[:, 0], strict=True):
            if margin <= -self.settings.margin and choice != items[i].question.answer:
                name = self._solver.spec.name
                reasons[i] = f"{name} prefers {letter_of(int(choice))} by {-margin:.2f}"
        return reasons


def _can_read(item: AuthoredItem) -> bool:
    return bool(item.question.passages) and item.question.answer is not None
