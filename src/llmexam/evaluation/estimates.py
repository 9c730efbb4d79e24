"""Values with intervals, and what metrics are: the parts that all results are made of."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """The base of all results: frozen, and strict about the keys of `metrics.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(Result):
    """A value with its confidence interval.

    Attributes:
        value: The number.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


class MetricInfo(Result):
    """Description of a metric.

    Attributes:
        name: Identifier, such as `map_at_3`.
        label: Display name, such as "MAP@3".
        explanation: Description in one sentence.
        higher_is_better: Whether larger values are better.
        bounds: Smallest and largest possible value of one item; None if unbounded.
    """

    name: str
    label: str
    explanation: str
    higher_is_better: bool
    bounds: tuple[float | None, float | None]


class MetricResult(MetricInfo):
    """Value of one metric, with chance level and baselines.

    Attributes:
        estimate: The mean over all items, with its bootstrap interval.
        chance: Expected value of random answers; None if not defined.
        baselines: Values of predictions that do not read the items, by name. For multiple
            choice: `first` ranks A, B, C and so on; `longest` ranks by number of characters.
        minimum_detectable_difference: Difference to another result that a paired test on this
            many items would find in 80 of 100 cases, if the two correlate by 0.5 over the items
            and vary as much.
    """

    estimate: Estimate
    chance: float | None
    baselines: dict[str, float]
    minimum_detectable_difference: float

    @property
    def references(self) -> Mapping[str, float]:
        """The chance level under the name `random`, if there is one, and the baselines."""
        random = {} if self.chance is None else {"random": self.chance}
        return {**random, **self.baselines}

    def __str__(self) -> str:
        return f"{self.label} {self.estimate}"
