"""Macro means: the mean over the values of a metadata field, such as the subjects of MMLU."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

from llmexam.errors import ExamError, nearest
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
    metrics: Sequence[MetricInfo], values: Floats, labels: Sequence[str], *, by: str, level: float
) -> MacroMean:
    """Return the mean over labels of the mean over each label's questions.

    The interval is normal: questions are drawn within each label, and the labels are fixed. The
    variance of the mean is the sum over labels of s^2 / n, divided by the squared number of labels;
    s^2 is the variance within a label, pooled over all labels where a label has one question.

    Args:
        metrics: The metrics.
        values: Their value of each question, shape `[n_questions, n_metrics]`.
        labels: The label of each question.
        by: What the labels are.
        level: Level of the intervals.
    """
    names, index = np.unique(np.array(labels), return_inverse=True)
    counts = np.bincount(index).astype(np.float64)
    z = NormalDist().inv_cdf((1 + level) / 2)
    found = []
    for column, metric in enumerate(metrics):
        own = values[:, column]
        means = np.bincount(index, weights=own) / counts
        squares = np.bincount(index, weights=(own - means[index]) ** 2)
        free = counts - 1
        pooled = float(squares.sum() / free.sum()) if free.sum() > 0 else 0.0
        variances = np.where(free > 0, squares / np.maximum(free, 1), pooled)
        mean = float(means.mean())
        half = z * sqrt(float((variances / counts).sum())) / len(names)
        low, high = metric.bounds
        found.append(
            MacroMetric(
                name=metric.name,
                label=metric.label,
                estimate=Estimate(
                    value=mean,
                    low=mean - half if low is None else max(low, mean - half),
                    high=mean + half if high is None else min(high, mean + half),
                ),
            )
        )
    return MacroMean(by=by, n_values=len(names), metrics=tuple(found))
