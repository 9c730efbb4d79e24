"""Values with intervals, and what metrics are: the parts that all results are made of."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

FEW_CLUSTERS = 20
"""Below this number of clusters, intervals that resample them are too narrow."""
ASSUMED_CORRELATION = 0.5
"""Correlation of two results over the items, where it cannot be measured."""


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


class ClusterInfo(Result):
    """How items form clusters, and what that means for an interval.

    Attributes:
        by: Criterion of the clusters, such as the name of a metadata field.
        n_clusters: Number of clusters.
        largest: Number of items in the largest one.
        design_effect: Variance of the mean with these clusters divided by its variance for
            independent items (Kish, 1965). The interval is about its square root times as wide.
            None if all values are equal.
    """

    by: str
    n_clusters: int
    largest: int
    design_effect: float | None

    @property
    def widening(self) -> float | None:
        """Width of the interval divided by its width for independent items, by standard errors."""
        return None if self.design_effect is None else self.design_effect**0.5

    @property
    def is_few(self) -> bool:
        """Whether there are too few clusters for an accurate interval."""
        return self.n_clusters < FEW_CLUSTERS


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
            many items would find in 80 of 100 cases, if the two correlate by `correlation` over
            the items and vary as much.
        correlation: Correlation of two results over the items: 0.5 is assumed for one result
            alone; the final result of a run has the median measured in its comparisons.
        correlation_measured: Whether it was measured.
    """

    estimate: Estimate
    chance: float | None
    baselines: dict[str, float]
    minimum_detectable_difference: float
    correlation: float = ASSUMED_CORRELATION
    correlation_measured: bool = False

    @property
    def references(self) -> Mapping[str, float]:
        """The chance level under the name `random`, if there is one, and the baselines."""
        random = {} if self.chance is None else {"random": self.chance}
        return {**random, **self.baselines}

    def __str__(self) -> str:
        return f"{self.label} {self.estimate}"


class MacroMetric(Result):
    """Mean of a metric over the values of a metadata field.

    Attributes:
        name: Identifier of the metric, such as `map_at_3`.
        label: Display name, such as "MAP@3".
        estimate: The mean, with its interval for questions, or clusters, drawn within each value.
    """

    name: str
    label: str
    estimate: Estimate


class MacroMean(Result):
    """Macro mean: each value of a metadata field counts the same, however many items it has.

    Attributes:
        by: The metadata field.
        n_values: Number of its values.
        metrics: The mean of each metric.
    """

    by: str
    n_values: int
    metrics: tuple[MacroMetric, ...]


class Slice(Result):
    """Value of a metric on a subset of the items.

    Attributes:
        by: Criterion of the subset, such as "prompt length" or "negated".
        value: Value of the criterion.
        n: Number of items.
        metric: Name of the metric; the primary one.
        estimate: Its mean over these items, with interval.
    """

    by: str
    value: str
    n: int
    metric: str
    estimate: Estimate
