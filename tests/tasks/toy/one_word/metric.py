"""The metric: exact match, ignoring case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from one_word.items import WordExam


class ExactMatch:
    """The share of answers that are equal to the right word."""

    name = "exact_match"
    label = "exact match"
    explanation = "The share of answers that are equal to the right word, ignoring case."
    higher_is_better = True
    bounds = (0.0, 1.0)

    def values(self, items: WordExam, predictions: Sequence[str]) -> NDArray[np.float64]:
        """Return 1 for each right answer and 0 for each wrong one."""
        pairs = zip(items.answers, predictions, strict=True)
        return np.array([float(a.casefold() == b.casefold()) for a, b in pairs])

    def chance(self, items: WordExam) -> None:
        """Return None: random guessing is not defined for free-text answers."""
