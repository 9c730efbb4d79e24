"""Accuracy at k, also called hit rate or top-k accuracy."""

from __future__ import annotations

import numpy as np

from llmexam.evaluation.metrics.average_precision import require_k
from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.metrics.ranked import RankMetric


class AccuracyAtK(RankMetric):
    """The share of questions with a right option among the first k.

    Args:
        k: How many of the first options count, at least 1.

    Raises:
        SettingsError: k is less than 1.
    """

    def __init__(self, k: int = 3) -> None:
        require_k(k)
        self.k = k
        self.name = f"accuracy_at_{k}"
        self.label = f"accuracy@{k}"
        self.explanation = f"Share of questions whose right option is among the first {k}."

    def at_rank(self, ranks: Floats, /) -> Floats:
        """Return 1 up to rank k, else 0.

        >>> AccuracyAtK(2).at_rank(np.array([1.0, 2.0, 3.0])).tolist()
        [1.0, 1.0, 0.0]
        """
        return np.where(ranks <= self.k, 1.0, 0.0)
