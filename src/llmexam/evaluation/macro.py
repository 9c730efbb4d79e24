"""Macro means: the mean over the values of a metadata field, such as the subjects of MMLU."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, nearest
from llmexam.evaluation.bootstrap import SMALL, t_quantile, wilson_interval
from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.results import Estimate, MacroMean, MacroMetric, MetricInfo
from llmexam.exam.exam import Exam

NONE = "(none)"
"""The value of questions without the field."""


def slice_values_of(exam: Exam, by: str) -> list[str]:
    """Return each question's value of a metadata field.

    Raises:
        ExamError: No question has the field.
    """
    if not any(by in question.metadata for question in exam):
        known = sorted({key for question in exam for key in question.metadata})
        raise ExamError(
            f"no question has metadata '{by}' to slice by",
            file=exam.source or None,
            field="slice_by",
            hint=nearest(by, known) if known else "This exam has no metadata",
        )
    return [question.metadata.get(by, "").strip() or NONE for question in exam]


def macro_mean(
    metrics: Sequence[MetricInfo],
    values: Floats,
    labels: Sequence[str],
    *,
    by: str,
    level: float,
    clusters: NDArray[np.int64] | None = None,
) -> MacroMean:
    """Return the mean over labels of the mean over each label's questions.

    The labels are fixed, and questions (or clusters) are drawn within each label. The interval is
    normal for independent questions, and uses Student's t distribution for clusters; see
    `_variance`. With few questions, or without variance, it is widened to at least Wilson's score
    interval, as in `bootstrap.mean_intervals`.

    Args:
        metrics: The metrics.
        values: Their value of each question, shape `[n_questions, n_metrics]`.
        labels: The label of each question.
        by: What the labels are.
        level: Level of the intervals.
        clusters: Number of each question's cluster, if questions are not independent.
    """
    names, index = np.unique(np.array(labels), return_inverse=True)
    units = np.arange(len(index)) if clusters is None else clusters
    numbers = np.unique(units, return_inverse=True)[1].ravel()
    n_units = int(numbers.max()) + 1
    of_label = np.bincount(np.unique(np.stack([index, numbers]), axis=1)[0])
    # Number of independent questions whose plain mean would have the same variance.
    n_effective = max(1, int(min(n_units, len(names) ** 2 / float((1 / of_label).sum()))))
    probability = (1 + level) / 2
    if clusters is None:
        reach = NormalDist().inv_cdf(probability)
    else:
        reach = t_quantile(probability, max(n_units - 1, 1))
    counts = np.bincount(index).astype(np.float64)
    found = []
    for column, metric in enumerate(metrics):
        own = values[:, column]
        means = np.bincount(index, weights=own) / counts
        mean = float(means.mean())
        half = reach * sqrt(_variance(own, index, numbers, of_label))
        low, high = mean - half, mean + half
        lower, upper = metric.bounds
        if lower is not None and upper is not None and (n_effective < SMALL or half == 0):
            width = upper - lower
            ends = wilson_interval((mean - lower) / width, n_effective, level)
            low, high = min(low, lower + width * ends[0]), max(high, lower + width * ends[1])
        low = low if lower is None else max(lower, low)
        high = high if upper is None else min(upper, high)
        # The mean of equal numbers can differ from them in the last bit.
        estimate = Estimate(value=mean, low=min(low, mean), high=max(high, mean))
        found.append(MacroMetric(name=metric.name, label=metric.label, estimate=estimate))
    return MacroMean(by=by, n_values=len(names), metrics=tuple(found))


def _variance(
    values: Floats, index: NDArray[np.intp], numbers: NDArray[np.intp], of_label: NDArray[np.intp]
) -> float:
    """Return the variance of the mean of the labels' means, robust to clusters.

    As in Liang and Zeger (1986), residuals around the mean of each label are summed by cluster,
    also across labels. A label within one cluster does not show the variance between clusters: it
    gets the variance pooled over the other labels. If no label has two clusters, residuals are
    those around the mean of the labels' means, as if the labels were drawn too.

    Args:
        values: One value per question.
        index: Number of each question's label.
        numbers: Number of each question's cluster, or of the question.
        of_label: How many clusters each label has.
    """
    n_labels, n_units = len(of_label), int(numbers.max()) + 1
    counts = np.bincount(index)
    means = np.bincount(index, weights=values) / counts
    several = of_label > 1
    if not several.any():
        shares = (values - means.mean()) / counts[index]
        sums = np.bincount(numbers, weights=shares, minlength=n_units)
        # Rounding leaves a remainder where a single cluster has all questions.
        factor = n_units / (n_units - 1) if n_units > 1 else 0.0
        return factor * float((sums**2).sum()) / n_labels**2
    correction = np.where(several, of_label / np.maximum(of_label - 1, 1), 0.0)
    shares = np.sqrt(correction)[index] * (values - means[index]) / counts[index]
    sums = np.bincount(numbers, weights=shares, minlength=n_units)
    # The sums of each pair of label and cluster give each label's own variance.
    _, pairs = np.unique(index * n_units + numbers, return_inverse=True)
    labels_of_pairs = np.zeros(int(pairs.max()) + 1, dtype=np.int64)
    labels_of_pairs[pairs] = index
    within = np.bincount(labels_of_pairs, weights=np.bincount(pairs, weights=shares) ** 2)
    pooled = float(((of_label - 1) * of_label * within).sum() / (of_label - 1).sum())
    # Labels that lie in the same cluster are taken as fully correlated.
    alone = np.unique(numbers[~several[index]], return_inverse=True)[1].ravel()
    own = index[~several[index]]
    together = np.unique(np.stack([alone, own]), axis=1)[0]
    rest = pooled * float((np.bincount(together) ** 2).sum()) if len(own) else 0.0
    return (float((sums**2).sum()) + rest) / n_labels**2
