"""Interface of solvers: score the options of questions and explain the scores."""

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
    """A sentence that supports an option.

    Attributes:
        passage: Index into `question.passages`.
        start: Start of the sentence in the passage's text, in characters.
        end: End, exclusive.
        weight: Strength of the support, 0 or more; comparable only within one question and
            solver.
        terms: Words of the option in the sentence, lower case; may be empty.
    """

    passage: int
    start: int
    end: int
    weight: float
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionReason:
    """Explanation of the score of one option.

    Attributes:
        note: A short text for people, such as "longest option (94 characters)".
        supports: The best evidence, strongest first; empty for solvers without evidence.
    """

    note: str
    supports: tuple[Support, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a question's scores.

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
    """Declared capabilities of a solver.

    Attributes:
        order_invariant: Whether scores are independent of the positions of the options.
        whole_exam: Whether all questions should be scored in one call.
        weights_hash: Hash of the weights and texts that scores depend on beside settings and
            code, so that cached scores become invalid when they change; empty without any.
        members: The solvers whose scores it uses, by name.
        trained_on: Retrieval of the evidence in its training; None if it was not trained or
            uses no evidence.
        takes_other_evidence: Whether the user allowed evidence from other retrieval.
        has_features: Whether `features` is implemented.
        costs_money: Whether answers may be billed.
        cost: Model for estimates of time, memory and cost.
        one_core: Whether a call uses one core and scores depend on nothing but settings and
            questions, so that several processes score faster.
        reads_passages: Whether passages of the questions are used, if its family uses any.
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
    one_core: bool = False
    reads_passages: bool = True


@runtime_checkable
class Solver(Protocol):
    """The interface of every solver family; `BaseSolver` implements all but `score`.

    A solver is created from its settings alone, reads evidence only from `question.passages`, and
    scores a question independently of the other questions of the call.

    Attributes:
        settings: The settings it was made with.
    """

    settings: Settings

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return one score per option, higher is better, shape `[n_questions, n_options]`."""
        ...

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return one explanation per question."""
        ...

    def describe(self) -> SolverDescription:
        """Return the solver's declared capabilities."""
        ...

    def used(self) -> Usage:
        """Return resources used so far beside time, such as requests and money."""
        ...

    def load(self, questions: Sequence[Question]) -> bool:
        """Load everything that scoring needs; return whether there was anything to load.

        Estimates call it so that loading is not timed as scoring.
        """
        ...

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Return the features of each option; only if `has_features`."""
        ...

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver with some members replaced, by name.

        Replacements must give equal scores: a run passes solvers with cached scores.
        """
        ...


class Usage(Protocol):
    """Resources used beside time; its text is shown in reports, and is empty for none."""

    def __str__(self) -> str:
        """Return the text for reports."""
        ...

    def since(self, earlier: Any) -> Usage:
        """Return the usage since an earlier one of the same solver."""
        ...


@dataclass(frozen=True, slots=True)
class NoUsage:
    """Usage of a solver that uses nothing but time."""

    def __str__(self) -> str:
        """Return an empty text."""
        return ""

    def since(self, earlier: Any) -> NoUsage:
        """Return the same."""
        return self


@dataclass(frozen=True, eq=False)
class OptionFeatures:
    """Features of options, before they are weighted into one score.

    Attributes:
        names: Names of the features; the same for every question.
        rows: One array per question, shape `[n_options, n_features]`; NaN if missing.
    """

    names: tuple[str, ...]
    rows: tuple[NDArray[np.float64], ...]


class BaseSolver:
    """Defaults for solvers; a family overrides what differs and implements `score`.

    A solver is created from keyword settings, `LexicalSolver(reach=6)`, or a settings object.

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
        """Whether scores are independent of the positions of the options."""
        return False

    @property
    def whole_exam(self) -> bool:
        """Whether all questions should be scored in one call."""
        return False

    @property
    def weights_hash(self) -> str:
        """Hash of the weights and texts that scores depend on."""
        return ""

    @property
    def members(self) -> Mapping[str, Solver]:
        """The solvers whose scores it uses, by name."""
        return {}

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """Retrieval of the evidence in its training."""
        return None

    @property
    def takes_other_evidence(self) -> bool:
        """Whether the user allowed evidence from other retrieval than in training."""
        return False

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used, if its family uses any."""
        return True

    @property
    def has_features(self) -> bool:
        """Whether `features` is implemented."""
        return False

    @property
    def costs_money(self) -> bool:
        """Whether answers may be billed."""
        return any(member.describe().costs_money for member in self.members.values())

    @property
    def cost(self) -> Cost:
        """Model for estimates of time, memory and cost."""
        return "timed"

    @property
    def one_core(self) -> bool:
        """Whether several processes score faster than one."""
        return False

    def describe(self) -> SolverDescription:
        """Return the solver's declared capabilities."""
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
            one_core=self.one_core,
            reads_passages=self.reads_passages,
        )

    def used(self) -> Usage:
        """Return no usage beside time."""
        return NoUsage()

    def load(self, questions: Sequence[Question]) -> bool:
        """Load nothing: the first call to `score` does."""
        return False

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations without reasons."""
        blank = OptionReason("")
        return [Explanation(q.id, (blank,) * len(q.options)) for q in questions]

    def features(self, questions: Sequence[Question]) -> OptionFeatures:
        """Raise NotImplementedError, because `has_features` is False."""
        raise NotImplementedError(f"{type(self).__name__} has no features")

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this solver, which has no members."""
        return self


class SolverClass(Protocol):
    """A solver class, with the class of its settings."""

    settings_class: type[Settings]

    def __call__(self, settings: Any) -> Solver:
        """Create a solver."""
        ...
