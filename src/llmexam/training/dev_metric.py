"""The metric on dev questions that selects the best step of a training."""

from __future__ import annotations

from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix

PREFIX = "dev_"
"""Begins the names of values that were measured on the dev questions."""


def dev_metric() -> RankMetric:
    """Return the primary metric."""
    return choice_metrics()[0]


def dev_values(dev: Exam, scores: ScoreMatrix) -> dict[str, float]:
    """Return the primary metric of dev questions under its name in cards, such as `dev_map_at_3`.

    Args:
        dev: The questions, with answers.
        scores: Their scores, in the order of the questions.
    """
    metric = dev_metric()
    return {f"{PREFIX}{metric.name}": float(metric.values(dev, scores.ranking).mean())}
