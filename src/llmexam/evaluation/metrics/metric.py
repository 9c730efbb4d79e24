"""The interface of metrics: one object that returns a value per item."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.results import MetricInfo

Floats = NDArray[np.float64]
Items = TypeVar("Items", contravariant=True)
Predictions = TypeVar("Predictions", contravariant=True)


class Metric(Protocol[Items, Predictions]):
    """A metric of a task whose items and predictions have these types.

    For multiple choice, items are an `Exam` and predictions are `Rankings` in its order. A metric
    of a task with text answers takes that task's items and one text for each.

    Attributes:
        name: Identifier of letters, digits and `_`, such as `map_at_3`. It names the metric in
            files, in training curves and for experiment trackers.
        label: Display name, such as "MAP@3".
        explanation: One plain sentence that says what the metric measures.
        higher_is_better: Whether larger values are better.
        bounds: Smallest and largest value of one item; may be infinite.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def label(self) -> str: ...  # noqa: D102 - described above

    @property
    def explanation(self) -> str: ...  # noqa: D102 - described above

    @property
    def higher_is_better(self) -> bool: ...  # noqa: D102 - described above

    @property
    def bounds(self) -> tuple[float, float]: ...  # noqa: D102 - described above

    def values(self, items: Items, predictions: Predictions, /) -> Floats:
        """Return the value of each item, shape `[n_items]`."""
        ...

    def chance(self, items: Items, /) -> Floats | None:
        """Return each item's expected value under random answers, or None if there is none."""
        ...


def describe(metric: Metric[Items, Predictions]) -> MetricInfo:
    """Return the description of a metric that results contain."""
    return MetricInfo(
        name=metric.name,
        label=metric.label,
        explanation=metric.explanation,
        higher_is_better=metric.higher_is_better,
        bounds=(_finite(metric.bounds[0]), _finite(metric.bounds[1])),
    )


def item_values(
    metrics: Sequence[Metric[Items, Predictions]], items: Items, predictions: Predictions
) -> Floats:
    """Return the value of each item by each metric, shape `[n_items, n_metrics]`."""
    columns = [metric.values(items, predictions) for metric in metrics]
    return np.stack(columns, axis=1).astype(np.float64)


def _finite(bound: float) -> float | None:
    # JSON has no infinity, so an open bound is null.
    return bound if isfinite(bound) else None
