"""The metric on dev items that selects the best step of a training."""

from __future__ import annotations

from typing import Protocol

from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.evaluation.metrics.registry import choice_metrics

PREFIX = "dev_"
"""Begins the names of values that were measured on the dev items."""


class DevMetric(Protocol):
    """What is needed of a metric to select a step by it.

    Attributes:
        name: Its name in curves and cards, after `PREFIX`.
        higher_is_better: Whether higher values are better.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def higher_is_better(self) -> bool: ...  # noqa: D102 - described above


def dev_metric() -> RankMetric:
    """Return the primary metric of questions."""
    return choice_metrics()[0]
