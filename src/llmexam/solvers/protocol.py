"""What every solver can do: score the options, and say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings


@dataclass(frozen=True, slots=True)
class Support:
    """A sentence that speaks for an option.

    Attributes:
        passage: Index into `question.passages`.
        start: Where the sentence begins in that passage's text, in characters.
        end: Where it ends, exclusive.
        weight: How strongly it speaks for the option, 0 or more; comparable within one
            question and solver only.
        terms: The words of the option that the sentence has, lower case; may be empty.
    """

    passage: int
    start: int
    end: int
    weight: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionReason:
    """Why an option has its score.

    Attributes:
        note: A short sentence a person can read, such as "longest option (94 characters)".
        supports: The best evidence, strongest first; empty for solvers that use none.
    """

    note: str
    supports: tuple[Support, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a question was ranked as it was: one reason an option, in the options' order."""

    question_id: str
    options: tuple[OptionReason, ...]


@runtime_checkable
class Solver(Protocol):
    """The one door every family goes through.

    A solver is made from its settings alone, reads evidence only from `question.passages`, and
    gives a question the same scores whatever its neighbours are. Four attributes are optional:
    `order_invariant`, True where the places of the options do not matter, `weights_hash`, which
    names the weights a score depends on, so that a run notices when they change, `whole_exam`,
    True where one call should get all questions, and `usage`, whose text tells what the scores
    took so far beside time, such as money, and whose method `since(earlier)`, if it has one, what
    of that came later. So are the methods of `HasFeatures` and `AsksOthers`.
    """

    settings: Settings

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, higher is better, shape `[n_questions, n_options]`."""
        ...

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return why each option got its score, one explanation a question."""
        ...


@dataclass(frozen=True, eq=False)
class OptionFeatures:
    """What a solver measures of each option before it weighs it into one score.

    Attributes:
        names: What is measured; the same for every question.
        rows: One array a question, shape `[n_options, n_features]`; NaN where it was not measured.
    """

    names: tuple[str, ...]
    rows: tuple[NDArray[np.float64], ...]


@runtime_checkable
class HasFeatures(Solver, Protocol):
    """A solver that also tells what its scores are made of, for solvers that learn from it."""

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return what is measured of each option; what was read for a score is not read again."""
        ...


@runtime_checkable
class AsksOthers(Solver, Protocol):
    """A solver whose scores are made from those of others.

    Attributes:
        members: The solvers that it asks, by name.
    """

    members: Mapping[str, Solver]

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver with others in the place of some members, by name.

        They must score as those do: a run puts solvers there that have scored already.
        """
        ...


class SolverClass(Protocol):
    """A class whose instances are solvers, made from settings of the class it names."""

    settings_class: type[Settings]

    def __call__(self, settings: Any) -> Solver:
        """Make a solver."""
        ...
