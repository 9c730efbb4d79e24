"""Minimum detectable difference with the correlation that comparisons measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.results import Comparison, Evaluation

Floats = NDArray[np.float64]


def paired_correlation(a: Floats, b: Floats) -> float | None:
    """Return the Pearson correlation of two results over the items; None if one is constant.

    >>> paired_correlation(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0])) is None
    True
    """
    if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
        return None
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))


def with_measured_correlation(
    evaluation: Evaluation, comparisons: Sequence[Comparison]
) -> Evaluation:
    """Return an evaluation whose primary metric has a measured detectable difference.

    The standard deviation of a difference is sd * sqrt(2 * (1 - correlation)) for results that
    vary alike. The correlation is the median of the comparisons, without those of results that are
    equal on every item. Without any, the evaluation is unchanged, with its assumed correlation.

    Args:
        evaluation: Grades of one result.
        comparisons: Comparisons of this result with others, by its primary metric.
    """
    measured = [
        one.correlation
        for one in comparisons
        if one.correlation is not None and one.n_better + one.n_worse
    ]
    primary, *others = evaluation.metrics
    if not measured or primary.correlation_measured:
        return evaluation
    correlation = median(measured)
    shrunk = ((1 - correlation) / (1 - primary.correlation)) ** 0.5
    changed = primary.model_copy(
        update={
            "minimum_detectable_difference": primary.minimum_detectable_difference * shrunk,
            "correlation": correlation,
            "correlation_measured": True,
        }
    )
    return evaluation.model_copy(update={"metrics": (changed, *others)})
