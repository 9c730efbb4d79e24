"""Metrics of multiple choice: functions of the ranks of the right options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import comb

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.rankings import Rankings, ranks_of_all_right, right_ranks
from llmexam.exam.exam import Exam


class RankMetric(ABC):
    """Base class of metrics that depend on the ranks of the right options.

    A subclass sets `name`, `label` and `explanation` and defines `at_rank`; values, chance level,
    greedy ensemble weights and model selection of rankers are derived from it. Where a question
    has several right options, the best rank among them counts, unless the subclass defines
    `at_ranks` and `chance_of_several`.

    Attributes:
        name: Identifier of letters, digits and `_`, such as `map_at_3`.
        label: What people read, such as "MAP@3".
        explanation: One plain sentence that says what the metric measures.
        higher_is_better: Whether a larger value is a better one.
        bounds: Smallest and largest value of one question; may be infinite.
    """

    name: str
    label: str
    explanation: str
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)

    @abstractmethod
    def at_rank(self, ranks: Floats, /) -> Floats:
        """Return the value of questions whose right option has these ranks.

        Args:
            ranks: Ranks from 1; infinity if the right option was not ranked. Ties may have a mean
                rank such as 1.5.
        """

    def at_ranks(self, ranks: Floats, n_right: NDArray[np.int64], /) -> Floats:
        """Return the value of questions with several right options.

        Args:
            ranks: Ranks of the right options, ascending, shape `[n_questions, n_options]`;
                infinity where an option was not ranked and behind the last.
            n_right: Number of right options, shape `[n_questions]`.
        """
        return self.at_rank(ranks[:, 0])

    def chance_of_several(self, n_options: int, n_right: int) -> float:
        """Return the expected value under a random order, with several right options.

        The best rank among m right options of n is r with probability
        C(n - r, m - 1) / C(n, m).
        """
        by_rank = self.at_rank(np.arange(1, n_options - n_right + 2, dtype=np.float64))
        ways = [comb(n_options - r, n_right - 1) for r in range(1, len(by_rank) + 1)]
        return float(by_rank @ np.array(ways, dtype=np.float64)) / comb(n_options, n_right)

    def values(self, items: Exam, predictions: Rankings, /) -> Floats:
        """Return the value of each question, shape `[n_questions]`.

        Raises:
            ExamError: There are no questions, or one has no answer.
        """
        values = self.at_rank(right_ranks(predictions, items.answers))
        several = np.array([i for i, question in enumerate(items) if question.right], dtype=int)
        if len(several):
            is_right = items.is_right[several]
            ranks = ranks_of_all_right(predictions[several], is_right)
            values[several] = self.at_ranks(ranks, is_right.sum(axis=1))
        return values

    def chance(self, items: Exam, /) -> Floats:
        """Return the expected value of each question under a random order of its options.

        With one right option, each of n ranks has probability 1/n.

        Raises:
            ExamError: There are no questions.
        """
        n_options = np.array([len(question.options) for question in items], dtype=np.int64)
        if len(n_options) == 0:
            raise ExamError("there are no questions to grade")
        by_rank = self.at_rank(np.arange(1, int(n_options.max()) + 1, dtype=np.float64))
        totals = np.concatenate([[0.0], np.cumsum(by_rank)])
        chance: Floats = totals[n_options] / n_options
        known: dict[tuple[int, int], float] = {}
        for row, question in enumerate(items):
            if question.right:
                kind = len(question.options), len(question.right)
                if kind not in known:
                    known[kind] = self.chance_of_several(*kind)
                chance[row] = known[kind]
        return chance
