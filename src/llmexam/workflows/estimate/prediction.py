"""An estimate: numbers with their spread, the check against a limit, and the text output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from llmexam.settings.durations import clock_face

WEIGHTS, LIBRARIES, PROCESS = "weights", "Python and libraries", "peak memory of this process"
"""Keys of `Prediction.memory`."""
RESIDENT = (LIBRARIES, PROCESS)
"""Keys of it that tell of the whole process; where there is none, the memory is a card's."""
TOKENS, PLAIN_TOKENS = "tokens", "tokens without shared prefixes"
REQUESTS, KEPT = "requests", "cached"
SENT, ANSWERED, COST = "prompt tokens", "completion tokens", "cost"
"""Keys of `Prediction.counts`."""
_WIDTH = 11


@dataclass(frozen=True, slots=True)
class Spread:
    """An estimated number, with the range of its measurements."""

    likely: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Spread:
        """Return an exact number as text."""
        return cls(value, value, value)

    @classmethod
    def around(cls, likely: float, others: Sequence[float]) -> Spread:
        """Return a number as text, with its smallest and largest estimate."""
        return (
            cls(likely, min(likely, *others), max(likely, *others))
            if others
            else cls(*3 * [likely])
        )

    def __add__(self, other: Spread) -> Spread:
        """Return the sum; what is far off may be so for both."""
        return Spread(self.likely + other.likely, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Spread:
        """Return a factor as text."""
        return Spread(self.likely * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Timed:
    """Timings of a few questions.

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
    """Estimated cost of a solver on an exam.

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
        """Total over all parts."""
        return self.moving + Spread.exact(self.fixed_seconds)

    @property
    def memory_bytes(self) -> int:
        """Total over all parts."""
        return sum(self.memory.values())

    @property
    def fits_memory(self) -> bool:
        """Whether the free memory suffices."""
        return not self.memory or self.memory_bytes <= self.available_bytes


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated cost, compared with a limit.

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
        """Whether even the slowest measurement is within the limit, and the cost in the budget."""
        slowest = self.prediction.seconds.high
        in_time = self.limit_seconds is None or slowest <= allowed(self.limit_seconds, self.margin)
        return in_time and self.prediction.within_budget

    @property
    def fits_memory(self) -> bool:
        """Whether the free memory suffices."""
        return self.prediction.fits_memory

    def to_json(self) -> dict[str, Any]:
        """Return JSON-serialisable values."""
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
    """Compare a prediction with a limit.

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
    """Return the usable part of a limit, without its margin."""
    return limit_seconds * (1 - margin)


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {
        **asdict(prediction),
        "seconds": asdict(prediction.seconds),
        "memory_bytes": prediction.memory_bytes,
        "stages": [_as_json(stage) for stage in prediction.stages],
    }


def describe(found: Estimate) -> str:
    """Return an estimate as lines of text."""
    prediction = found.prediction
    lines = []
    for stage in prediction.stages:
        lines += [f"{stage.solver}:", *(f"  {line}" for line in _describe(stage))]
    lines += _describe(prediction)
    lines += _memory(prediction)
    if found.limit_seconds is not None:
        verdict = "fits" if found.fits else "does not fit"
        lines.append(_row("limit", f"{clock_face(found.limit_seconds)}: it {verdict}"))
        if found.first is not None and not found.fits:
            lines.append(_row("cascade", _say_share(found, found.first)))
    if not prediction.within_budget:
        lines.append(_row("budget", "the cost may exceed max_cost"))
    return "\n".join(lines)


def _describe(prediction: Prediction) -> list[str]:
    lines = [_row("questions", f"{prediction.n_questions:,}"), *_counts(prediction)]
    if prediction.speed:
        lines.append(_row("speed", prediction.speed))
    seconds = prediction.seconds
    told = _between(clock_face(seconds.likely), clock_face(seconds.low), clock_face(seconds.high))
    if prediction.fixed_seconds and not prediction.stages:
        told += f", of which {clock_face(prediction.fixed_seconds)} for loading"
    lines.append(_row("time", told))
    return [*lines, *(_row("note", note) for note in prediction.notes)]


def _counts(prediction: Prediction) -> list[str]:
    counts = prediction.counts
    lines = []
    if TOKENS in counts:
        saved = counts[PLAIN_TOKENS].likely / max(counts[TOKENS].likely, 1)
        lines.append(
            _row(
                "tokens",
                f"{counts[TOKENS].likely:,.0f} processed by the model; without shared "
                f"prefixes {saved:.1f} times as many",
            )
        )
    if REQUESTS in counts:
        told = f"{counts[REQUESTS].likely:,.0f} to send"
        lines.append(_row("requests", f"{told}; {counts[KEPT].likely:,.0f} answers are cached"))
        sent, answered = _whole(counts[SENT]), _whole(counts[ANSWERED])
        lines.append(_row("tokens", f"{sent} in prompts, {answered} in completions"))
        cost = counts[COST]
        if cost.high:
            shown = (f"{number:.4g}" for number in (cost.likely, cost.low, cost.high))
            lines.append(_row("cost", f"{_between(*shown)}, in the currency of the prices"))
    return lines


def _memory(prediction: Prediction) -> list[str]:
    if not prediction.memory:
        return []
    parts = ", ".join(f"{name} {size / 1e9:.2f}" for name, size in prediction.memory.items())
    total, free = prediction.memory_bytes / 1e9, prediction.available_bytes / 1e9
    lines = [_row("memory", f"{total:.2f} GB of {free:.2f} GB: {parts}")]
    if not prediction.fits_memory:
        lines.append(
            _row("", "does not fit: use a lower precision, smaller batches, or streamed: true")
        )
    return lines


def _say_share(found: Estimate, first: Prediction) -> str:
    after = f"after '{first.solver}' ({clock_face(first.seconds.high)})"
    if not found.share:
        return f"{after} no time is left for '{found.asked.solver}'"
    share = f"{found.share:.1%}: --set share={found.share}"
    return f"{after} time is left for the least certain {share}"


def _row(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}}{text}"


def _whole(number: Spread) -> str:
    return _between(*(f"{value:,.0f}" for value in (number.likely, number.low, number.high)))


def _between(likely: str, low: str, high: str) -> str:
    """Return a number with its spread, where that shows."""
    return likely if low == high else f"{likely} ({low} to {high})"
