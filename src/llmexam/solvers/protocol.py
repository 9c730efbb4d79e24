"""What every solver can do: score the options, and say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.settings.base import Settings

if TYPE_CHECKING:
    from llmexam.lm.models.card import EvidenceOrigin


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
    """Why the options of a question got their scores.

    Attributes:
        question_id: Id of the question.
        options: One reason per option, in the order of the options.
    """

    question_id: str
    options: tuple[OptionReason, ...]


Cost = Literal["timed", "decoder", "served", "members", "cascade"]
"""How the time of a solver is estimated: by timing calls, from the tokens of a decoder, from the
requests to an endpoint, or from its members."""


@dataclass(frozen=True, slots=True)
class SolverDescription:
    """What a solver declares about itself, so that nothing else has to be probed.

    Attributes:
        order_invariant: Whether the positions of the options make no difference to their scores.
        whole_exam: Whether one call should get all questions.
        weights_hash: Identifies the weights and texts that scores depend on beside settings and
            code, so that a run notices when they change; empty where there are none.
        members: The solvers whose scores it uses, by name.
        trained_on: How the evidence was found that it was trained on; None where it was not
            trained or reads no evidence.
        takes_other_evidence: Whether the user allowed evidence found in another way.
        has_features: Whether `features` returns what the scores are made of.
        costs_money: Whether answers may be billed.
        cost: How time, memory and cost are estimated.
    """

    order_invariant: bool = False
    whole_exam: bool = False
    weights_hash: str = ""
    members: Mapping[str, Solver] = field(default_factory=dict)
    trained_on: EvidenceOrigin | None = None
    takes_other_evidence: bool = False
    has_features: bool = False
    costs_money: bool = False
    cost: Cost = "timed"


@runtime_checkable
class Solver(Protocol):
    """The interface of every solver family; `BaseSolver` implements all but `score`.

    A solver is made from its settings alone, reads evidence only from `question.passages`, and
    gives a question the same scores whatever its neighbours are.

    Attributes:
        settings: The settings it was made with.
    """

    settings: Settings

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, higher is better, shape `[n_questions, n_options]`."""
        ...

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return why each option got its score, one explanation a question."""
        ...

    def describe(self) -> SolverDescription:
        """Return what the solver declares about itself."""
        ...

    def used(self) -> Usage:
        """Return what the scores took so far beside time, such as requests and money."""
        ...

    def load(self, questions: Sequence[Question]) -> bool:
        """Load what scoring such questions needs, and return whether there was anything to load.

        An estimate calls it, so that loading is not timed with the scoring.
        """
        ...

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return what is measured of each option, where the description has features."""
        ...

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver with others in the place of some members, by name.

        They must score as those do: a run puts solvers there that have scored already.
        """
        ...


class Usage(Protocol):
    """What scores took beside time; its text is shown in reports, and is empty for nothing."""

    def __str__(self) -> str:
        """Return the text for reports."""
        ...

    def since(self, earlier: Any) -> Usage:
        """Return what came after an earlier usage of the same solver."""
        ...


@dataclass(frozen=True, slots=True)
class NoUsage:
    """The usage of a solver that takes nothing but time."""

    def __str__(self) -> str:
        """Return an empty text."""
        return ""

    def since(self, earlier: Any) -> NoUsage:
        """Return the same."""
        return self


@dataclass(frozen=True, eq=False)
class OptionFeatures:
    """What a solver measures of each option before it weighs it into one score.

    Attributes:
        names: What is measured; the same for every question.
        rows: One array a question, shape `[n_options, n_features]`; NaN where it was not measured.
    """

    names: tuple[str, ...]
    rows: tuple[NDArray[np.float64], ...]


class BaseSolver:
    """What most solvers share; a family overrides what differs and implements `score`.

    A solver is made from keyword settings, `LexicalSolver(reach=6)`, or from a settings object.

    Attributes:
        settings_class: The class of its settings.
        settings: The settings it was made with.
    """

    settings_class: type[Settings] = Settings
    settings: Settings

    def __init__(self, settings: Settings | None = None, **values: Any) -> None:
        """Check the settings.

        Args:
            settings: An object of `settings_class`.
            values: Settings by keyword instead; what is not given has its default.

        Raises:
            SettingsError: A keyword is unknown (the error names the nearest one), or a value is
                wrong.
        """
        self.settings = self.settings_class.take(settings, values, subject=type(self).__name__)

    @property
    def order_invariant(self) -> bool:
        """Whether the positions of the options make no difference to their scores."""
        return False

    @property
    def whole_exam(self) -> bool:
        """Whether one call should get all questions."""
        return False

    @property
    def weights_hash(self) -> str:
        """What identifies the weights and texts that scores depend on."""
        return ""

    @property
    def members(self) -> Mapping[str, Solver]:
        """The solvers whose scores it uses, by name."""
        return {}

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """How the evidence was found that it was trained on."""
        return None

    @property
    def takes_other_evidence(self) -> bool:
        """Whether the user allowed evidence that was found in another way than in training."""
        return False

    @property
    def has_features(self) -> bool:
        """Whether `features` returns what the scores are made of."""
        return False

    @property
    def costs_money(self) -> bool:
        """Whether answers may be billed."""
        return any(member.describe().costs_money for member in self.members.values())

    @property
    def cost(self) -> Cost:
        """How time, memory and cost are estimated."""
        return "timed"

    def describe(self) -> SolverDescription:
        """Return what the solver declares about itself."""
        return SolverDescription(
            order_invariant=self.order_invariant,
            whole_exam=self.whole_exam,
            weights_hash=self.weights_hash,
            members=self.members,
            trained_on=self.trained_on_evidence,
            takes_other_evidence=self.takes_other_evidence,
            has_features=self.has_features,
            costs_money=self.costs_money,
            cost=self.cost,
        )

    def used(self) -> Usage:
        """Return what the scores took so far beside time: nothing."""
        return NoUsage()

    def load(self, questions: Sequence[Question]) -> bool:
        """Load nothing: the first call to `score` does."""
        return False

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations without reasons."""
        blank = OptionReason("")
        return [Explanation(q.id, (blank,) * len(q.options)) for q in questions]

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Raise NotImplementedError: the description says that there are no features."""
        raise NotImplementedError(f"{type(self).__name__} has no features")

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver, which has no members."""
        return self


class SolverClass(Protocol):
    """A class whose instances are solvers, made from settings of the class it names."""

    settings_class: type[Settings]

    def __call__(self, settings: Any) -> Solver:
        """Make a solver."""
        ...
