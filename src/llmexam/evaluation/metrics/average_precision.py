"""Mean average precision at k (MAP@k)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import SettingsError
from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.evaluation.rankings import Answers, Rankings, right_ranks


class MAPAtK(RankMetric):
    """Mean average precision at k, as the Kaggle competition "LLM Science Exam" defines it.

    A question has one right option, so its average precision is 1 / rank of that option, or 0
    if it is not among the first k. "A A A" gives 1 where A is right, "B A A" gives 1/2 and
    "B B A" gives 1/3.

    With m right options, it is the standard average precision at k: the sum, over the first k
    ranks that hold a right option, of the share of right options up to there, divided by
    min(k, m). If A and C are right, "A C B" gives (1/1 + 2/2) / 2 = 1, "A B C" gives
    (1/1 + 2/3) / 2 = 5/6 and "B A D" gives (1/2) / 2 = 1/4.

    Args:
        k: How many of the first options count, at least 1.

    Raises:
        SettingsError: k is less than 1.
    """

    def __init__(self, k: int = 3) -> None:
        require_k(k)
        self.k = k
        self.name = f"map_at_{k}"
        self.label = f"MAP@{k}"
        self.explanation = (
            "Mean average precision: the mean of 1 / rank of the right option, or 0 "
            f"if it is not among the first {k}."
        )

    def at_rank(self, ranks: Floats, /) -> Floats:
        """Return 1 / rank up to rank k, else 0.

        >>> MAPAtK(3).at_rank(np.array([1.0, 2.0, 4.0, np.inf])).tolist()
        [1.0, 0.5, 0.0, 0.0]
        """
        return np.where(ranks <= self.k, 1 / ranks, 0.0)

    def at_ranks(self, ranks: Floats, n_right: NDArray[np.int64], /) -> Floats:
        """Return the average precision at k of questions with several right options.

        >>> MAPAtK(3).at_ranks(np.array([[1.0, 3.0, np.inf]]), np.array([2])).round(4).tolist()
        [0.8333]
        """
        precision = np.arange(1, ranks.shape[1] + 1) / ranks
        found: Floats = np.where(ranks <= self.k, precision, 0.0).sum(axis=1)
        return found / np.minimum(self.k, n_right)

    def chance_of_several(self, n_options: int, n_right: int) -> float:
        """Return the expected average precision at k under a random order.

        Of n options m are right. Rank i holds one of them with probability m / n, and then
        (i - 1) (m - 1) / (n - 1) of the ranks before it are expected to hold others.

        >>> round(MAPAtK(3).chance_of_several(4, 2), 4)
        0.5556
        """
        n, m = n_options, n_right
        ranks = np.arange(1, min(self.k, n) + 1)
        precision = (1 + (ranks - 1) * (m - 1) / (n - 1)) / ranks
        return float(m / n * precision.sum() / min(self.k, m))


def map_at_k(rankings: Rankings, answers: Answers, *, k: int = 3) -> float:
    """Return the mean average precision at k of rankings.

    Args:
        rankings: Option indices, best first, shape `[n_questions, n_ranked]`; -1 behind the last.
        answers: Indices of the right options, shape `[n_questions]`.
        k: How many of the first options count, at least 1.

    Raises:
        ExamError: There are no questions, or one has no answer.
        SettingsError: k is less than 1.

    >>> map_at_k(np.array([[0, -1], [1, 0]]), np.array([0, 0]))
    0.75
    """
    return float(MAPAtK(k).at_rank(right_ranks(rankings, answers)).mean())


def require_k(k: int) -> None:
    """Check the k of a metric.

    Raises:
        SettingsError: It is less than 1.
    """
    if k < 1:
        raise SettingsError(
            f"expected k of at least 1, got {k}",
            hint="k is the number of top-ranked options that count",
        )
