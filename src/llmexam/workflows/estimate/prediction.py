"""What a prediction says: a number with its spread, what was measured, and what fits a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

WEIGHTS, LIBRARIES, PROCESS = "weights", "Python and libraries", "peak memory of this process"
"""Keys of `Prediction.memory`."""
RESIDENT = (LIBRARIES, PROCESS)
"""Keys of it that tell of the whole process; where there is none, the memory is a card's."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A number that is predicted, and from where to where it went where it was measured."""

    likely: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Spread:
        """Return a number that was counted."""
        return cls(value, value, value)

    @classmethod
    def around(cls, likely: float, others: Sequence[float]) -> Spread:
        """Return a number with the least and the largest of others that it might have been."""
        return (
            cls(likely, min(likely, *others), max(likely, *others))
            if others
            else cls(*3 * [likely])
        )

    def __add__(self, other: Spread) -> Spread:
        """Return the sum; what is far off may be so for both."""
        return Spread(self.likely + other.likely, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Spread:
        """Return a multiple."""
        return Spread(self.likely * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Timed:
    """A few questions that were scored.

    Attributes:
        n_questions: How many.
        n_units: What was read of them: tokens with padding, characters, or requests.
        seconds: How long it took.
    """

    n_questions: int
    n_units: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a solver takes for an exam.

    Attributes:
        solver: What it is called.
        n_questions: Questions it is given.
        fixed_seconds: What it takes whatever their number, such as loading.
        moving: Seconds that grow with the questions.
        counts: What can be counted, by name, such as tokens and requests.
        speed: What was measured, in words.
        timed: The same in numbers.
        memory: Bytes by what takes them; empty where that is another machine's.
        available_bytes: What is free where the solver is.
        notes: What else should be known.
        within_budget: Whether its cost stays within its own limit.
        stages: The predictions of the solvers it asks, in order.
    """

    solver: str
    n_questions: int
    fixed_seconds: float
    moving: Spread
    counts: Mapping[str, Spread] = field(default_factory=dict)
    speed: str = ""
    timed: tuple[Timed, ...] = ()
    memory: Mapping[str, int] = field(default_factory=dict)
    available_bytes: int = 0
    notes: tuple[str, ...] = ()
    within_budget: bool = True
    stages: tuple[Prediction, ...] = ()

    @property
    def seconds(self) -> Spread:
        """All together."""
        return self.moving + Spread.exact(self.fixed_seconds)

    @property
    def memory_bytes(self) -> int:
        """All together."""
        return sum(self.memory.values())

    @property
    def fits_memory(self) -> bool:
        """Whether what is free is enough."""
        return not self.memory or self.memory_bytes <= self.available_bytes


@dataclass(frozen=True, slots=True)
class Estimate:
    """A prediction held against a limit.

    Attributes:
        prediction: What the exam takes.
        limit_seconds: What it may take; None for no limit.
        margin: Part of the limit to leave free.
        first: What answers all questions where the solver does not get all: a cascade's first
            solver, or what could be one; None where that was not looked at.
        asked: What then gets a part of the questions.
        share: Which part that may be within the limit, rounded down.
    """

    prediction: Prediction
    limit_seconds: float | None
    margin: float
    first: Prediction | None
    asked: Prediction
    share: float

    @property
    def fits(self) -> bool:
        """Whether even the slowest of what was measured stays within the limit, and the budget."""
        slowest = self.prediction.seconds.high
        in_time = self.limit_seconds is None or slowest <= allowed(self.limit_seconds, self.margin)
        return in_time and self.prediction.within_budget

    @property
    def fits_memory(self) -> bool:
        """Whether what is free is enough."""
        return self.prediction.fits_memory

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            **_as_json(self.prediction),
            "limit_seconds": self.limit_seconds,
            "margin": self.margin,
            "fits": self.fits,
            "fits_memory": self.fits_memory,
            "share": self.share,
            "first": None if self.first is None else _as_json(self.first),
        }


def hold_to_limit(
    prediction: Prediction,
    *,
    limit_seconds: float | None,
    margin: float,
    first: Prediction | None = None,
    asked: Prediction | None = None,
) -> Estimate:
    """Return a prediction with what fits a limit.

    Args:
        prediction: What the exam takes.
        limit_seconds: What it may take.
        margin: Part of the limit to leave free.
        first: What answers all questions before `asked` gets a part of them.
        asked: What gets that part, predicted for some of the questions; by default what
            `prediction` is about.
    """
    asked = asked or prediction
    n_all = first.n_questions if first is not None else prediction.n_questions
    share = 1.0
    if limit_seconds is not None:
        before = asked.fixed_seconds + (first.seconds.high if first is not None else 0.0)
        room = allowed(limit_seconds, margin) - before
        each = asked.moving.high / max(asked.n_questions, 1)
        share = min(1.0, max(0.0, room / max(each * n_all, 1e-9)))
    # Rounded down: what is promised fits.
    share = math.floor(share * 1000) / 1000
    return Estimate(prediction, limit_seconds, margin, first, asked, share)


def allowed(limit_seconds: float, margin: float) -> float:
    """Return what of a limit may be used."""
    return limit_seconds * (1 - margin)


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {
        **asdict(prediction),
        "seconds": asdict(prediction.seconds),
        "memory_bytes": prediction.memory_bytes,
        "stages": [_as_json(stage) for stage in prediction.stages],
    }
