"""Accuracy."""

from __future__ import annotations

import numpy as np

from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.metrics.ranked import RankMetric


class Accuracy(RankMetric):
    """The share of questions whose first choice is right."""

    name = "accuracy"
    label = "accuracy"
    explanation = "Share of questions whose first choice is right."

    def at_rank(self, ranks: Floats, /) -> Floats:
        """Return 1 at rank 1, else 0.

        >>> Accuracy().at_rank(np.array([1.0, 2.0])).tolist()
        [1.0, 0.0]
        """
        return np.where(ranks == 1, 1.0, 0.0)
