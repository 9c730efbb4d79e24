"""Metrics of multiple choice: functions of the rank of the right option."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from llmexam.errors import ExamError
from llmexam.evaluation.metrics.metric import Floats
from llmexam.evaluation.rankings import Rankings, right_ranks
from llmexam.exam.exam import Exam


class RankMetric(ABC):
    """Base class of metrics that depend on the rank of the one right option.

    A subclass sets `name`, `label` and `explanation` and defines `at_rank`; values, chance level,
    greedy ensemble weights and model selection of rankers are derived from it.

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

    def values(self, items: Exam, predictions: Rankings, /) -> Floats:
        """Return the value of each question, shape `[n_questions]`.

        Raises:
            ExamError: There are no questions, or one has no answer.
        """
        return self.at_rank(right_ranks(predictions, items.answers))

    def chance(self, items: Exam, /) -> Floats:
        """Return the expected value of each question under a random order of its options.

        Each of n ranks has probability 1/n.

        Raises:
            ExamError: There are no questions.
        """
        n_options = np.array([len(question.options) for question in items], dtype=np.int64)
        if len(n_options) == 0:
            raise ExamError("there are no questions to grade")
        by_rank = self.at_rank(np.arange(1, int(n_options.max()) + 1, dtype=np.float64))
        totals = np.concatenate([[0.0], np.cumsum(by_rank)])
        chance: Floats = totals[n_options] / n_options
        return chance
