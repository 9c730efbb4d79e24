"""Grade and compare predictions by metrics, for any type of item and prediction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.bootstrap import minimum_detectable_difference, spread
from llmexam.evaluation.detectable import paired_correlation
from llmexam.evaluation.metrics.metric import Metric, describe, item_values
from llmexam.evaluation.resampling import Resampling as Resampling
from llmexam.evaluation.results import (
    Comparison,
    Diagnostics,
    Estimate,
    Evaluation,
    FullComparison,
    MetricInfo,
    MetricResult,
    Slice,
)
from llmexam.evaluation.slices import Labelling, slice_rows

Floats = NDArray[np.float64]
Items = TypeVar("Items")
Predictions = TypeVar("Predictions")


class GradedItems(Protocol):
    """Items of any task, such as an exam.

    Attributes:
        content_hash: Hash of the content of the items.
    """

    @property
    def content_hash(self) -> str: ...  # noqa: D102 - described above

    def __len__(self) -> int: ...


Graded = TypeVar("Graded", bound=GradedItems)


def evaluate(
    metrics: Sequence[Metric[Graded, Predictions]],
    items: Graded,
    predictions: Predictions,
    *,
    name: str,
    baselines: Mapping[str, Predictions],
    labellings: Iterable[Labelling] = (),
    resampling: Resampling,
    n_truncated: int = 0,
    diagnostics: Diagnostics | None = None,
) -> Evaluation:
    """Grade predictions, for any task.

    Args:
        metrics: The metrics, the primary one first.
        items: The items.
        predictions: The predictions, in the order of the items.
        name: Name of the solver in the result.
        baselines: Predictions that do not read the items, by name.
        labellings: Labels to slice the items by.
        resampling: Settings of confidence intervals.
        n_truncated: Items whose evidence the solver truncated.
        diagnostics: Results of the task besides metrics.

    Raises:
        ExamError: There are no items, or one has no answer.
    """
    results, slices = grade(
        metrics,
        items,
        predictions,
        baselines=baselines,
        labellings=labellings,
        resampling=resampling,
    )
    clusters = None
    if resampling.clusters is not None:
        clusters = resampling.cluster_info(item_values(metrics[:1], items, predictions)[:, 0])
    return Evaluation(
        name=name,
        n_items=len(items),
        metrics=results,
        level=resampling.level,
        n_resamples=resampling.n_resamples,
        seed=resampling.seed,
        slices=slices,
        n_truncated=n_truncated,
        exam_hash=items.content_hash,
        diagnostics=diagnostics,
        clusters=clusters,
    )


def grade(
    metrics: Sequence[Metric[Items, Predictions]],
    items: Items,
    predictions: Predictions,
    *,
    baselines: Mapping[str, Predictions],
    labellings: Iterable[Labelling],
    resampling: Resampling,
) -> tuple[tuple[MetricResult, ...], tuple[Slice, ...]]:
    """Return the result of each metric, and the first metric by slice.

    Args:
        metrics: The metrics, the primary one first.
        items: The items.
        predictions: The predictions, in the order of the items.
        baselines: Predictions that ignore the items, by name.
        labellings: Labels to slice the items by.
        resampling: Settings of confidence intervals.

    Raises:
        ExamError: There are no items, or one has no answer.
    """
    values = item_values(metrics, items, predictions)
    others = {name: item_values(metrics, items, other) for name, other in baselines.items()}
    estimates = resampling.intervals(values, [metric.bounds for metric in metrics])
    results = []
    for column, (metric, estimate) in enumerate(zip(metrics, estimates, strict=True)):
        chance = metric.chance(items)
        results.append(
            MetricResult(
                **describe(metric).model_dump(),
                estimate=estimate,
                chance=None if chance is None else float(chance.mean()),
                baselines={name: float(other[:, column].mean()) for name, other in others.items()},
                minimum_detectable_difference=_expected_detectable_difference(
                    values[:, column], metric.bounds, resampling.clusters
                ),
            )
        )
    slices = slice_values(describe(metrics[0]), values[:, 0], labellings, resampling)
    return tuple(results), slices


def slice_values(
    metric: MetricInfo, values: Floats, labellings: Iterable[Labelling], resampling: Resampling
) -> tuple[Slice, ...]:
    """Return the mean of a metric in each slice.

    Args:
        metric: The metric.
        values: Its value of each item, shape `[n_items]`.
        labellings: How to slice the items.
        resampling: Settings of confidence intervals.
    """
    low, high = metric.bounds
    bounds = (-inf if low is None else low, inf if high is None else high)
    return tuple(
        Slice(
            by=by,
            value=value,
            n=len(rows),
            metric=metric.name,
            estimate=resampling.intervals(values[rows, None], [bounds], rows)[0],
        )
        for by, value, rows in slice_rows(labellings)
    )


def compare(
    metrics: Sequence[Metric[Items, Predictions]],
    items: Items,
    a: Predictions,
    b: Predictions,
    *,
    name_a: str,
    name_b: str,
    resampling: Resampling,
) -> Comparison:
    """Compare two predictions of the same items, paired, by the first metric.

    Pairing removes the variance of item difficulty that both share, so the interval of the
    difference is usually much narrower than the intervals of the two values suggest.

    Args:
        metrics: The metrics that an evaluation computes, the primary one first.
        items: The items.
        a: Predictions in the order of the items.
        b: Predictions in the order of the items.
        name_a: Name of the first.
        name_b: Name of the second.
        resampling: How intervals and p value are computed.

    Raises:
        ExamError: There are no items, or one has no answer.
    """
    pairs = _Pairs(metrics, items, a, b, name_a, name_b, resampling)
    return Comparison(**pairs.by_metric(0))


def compare_fully(
    metrics: Sequence[Metric[Items, Predictions]],
    items: Items,
    a: Predictions,
    b: Predictions,
    *,
    name_a: str,
    name_b: str,
    resampling: Resampling,
    noun: str = "question",
) -> FullComparison:
    """Compare two predictions of the same items, paired, by each metric.

    The arguments are those of `compare`, and what one item is called.

    Raises:
        ExamError: There are no items, or one has no answer.
    """
    pairs = _Pairs(metrics, items, a, b, name_a, name_b, resampling)
    others = tuple(Comparison(**pairs.by_metric(n)) for n in range(1, len(metrics)))
    return FullComparison(**pairs.by_metric(0), others=others, noun=noun)


class _Pairs(Generic[Items, Predictions]):
    """The values of two predictions, item by item."""

    def __init__(
        self,
        metrics: Sequence[Metric[Items, Predictions]],
        items: Items,
        a: Predictions,
        b: Predictions,
        name_a: str,
        name_b: str,
        resampling: Resampling,
    ) -> None:
        self._metrics = metrics
        self._names = {"name_a": name_a, "name_b": name_b}
        self._resampling = resampling
        self._a, self._b = (item_values(metrics, items, predictions) for predictions in (a, b))
        # Resampled with all metrics, as `grade` does, so that both show the same interval.
        every = [one.bounds for one in metrics]
        self._means = [resampling.intervals(values, every) for values in (self._a, self._b)]

    def by_metric(self, column: int) -> dict[str, Any]:
        """Return the fields of the comparison by one of the metrics."""
        metric, resampling = self._metrics[column], self._resampling
        differences = self._a[:, column] - self._b[:, column]
        # The range of a difference of two values.
        bounds = (metric.bounds[0] - metric.bounds[1], metric.bounds[1] - metric.bounds[0])
        test = resampling.test(differences)
        if differences.any():
            difference = resampling.intervals(differences[:, None], [bounds])[0]
        else:
            # Both have equal values on every item, so there is nothing to resample.
            difference = Estimate(value=0.0, low=0.0, high=0.0)
        gains = differences if metric.higher_is_better else -differences
        return {
            **self._names,
            "metric": describe(metric),
            "n_items": len(differences),
            "a": self._means[0][column],
            "b": self._means[1][column],
            "difference": difference,
            "p_value": test.p_value,
            "p_value_exact": test.exact,
            "n_better": int((gains > 0).sum()),
            "n_worse": int((gains < 0).sum()),
            "minimum_detectable_difference": minimum_detectable_difference(
                spread(differences, bounds, resampling.clusters), len(differences)
            ),
            "level": resampling.level,
            "n_resamples": resampling.n_resamples,
            "seed": resampling.seed,
            "correlation": paired_correlation(self._a[:, column], self._b[:, column]),
            "clusters": resampling.cluster_info(differences),
            # The margin is a difference in the primary metric.
            "equivalence": None
            if column
            else resampling.equivalence(
                differences, bounds, higher_is_better=metric.higher_is_better
            ),
        }


def _expected_detectable_difference(
    values: Floats, bounds: tuple[float, float], clusters: NDArray[np.int64] | None
) -> float:
    """Return the minimum detectable difference to a future result.

    Assumes that the values of both have equal standard deviation and correlate by 0.5. The
    standard deviation of the difference, sd * sqrt(2 * (1 - 0.5)), is then that of the values.
    """
    return minimum_detectable_difference(spread(values, bounds, clusters), len(values))
