"""Exact set, also called subset accuracy or exact match ratio."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.metrics.ranked import RankMetric


class ExactSet(RankMetric):
    """The share of questions whose right options, and no others, are ranked first.

    A question with m right options counts if its m best options are these; with one right option,
    this is accuracy. So no solver has to say how many options it takes to be right. A submission
    that names fewer options than are right cannot reach it.
    """

    name = "exact_set"
    label = "exact set"
    explanation = (
        "Share of questions whose right options, and no others, are ranked first. For a question "
        "with m right options, the m best options are taken as the answer."
    )

    def at_rank(self, ranks: Floats, /) -> Floats:
        """Return 1 at rank 1, else 0."""
        return np.where(ranks == 1, 1.0, 0.0)

    def at_ranks(self, ranks: Floats, n_right: NDArray[np.int64], /) -> Floats:
        """Return 1 where the m right options have the ranks 1 to m, else 0.

        >>> ExactSet().at_ranks(np.array([[1.0, 2.0], [1.0, 3.0]]), np.array([2, 2])).tolist()
        [1.0, 0.0]
        """
        last = np.take_along_axis(ranks, n_right[:, None] - 1, axis=1)[:, 0]
        return np.where(last == n_right, 1.0, 0.0)

    def chance_of_several(self, n_options: int, n_right: int) -> float:
        """Return the probability that a random order has the m right options first.

        >>> ExactSet().chance_of_several(4, 2) == 1 / 6
        True
        """
        return 1 / comb(n_options, n_right)
