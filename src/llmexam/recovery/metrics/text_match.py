"""Metrics that compare the texts of prompts: exact match and character F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.normalise import normalise
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float64]
_N = 3


class ExactMatch:
    """The share of prompts recovered word by word."""

    name = "exact_match"
    label = "exact match"
    explanation = "The share of recovered prompts with the words of the true prompt, in order."
    higher_is_better = True
    bounds = (0.0, 1.0)

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return 1 or 0 for each row, shape `[n_items]`; case and punctuation do not count."""
        pairs = zip(predictions, items.prompts, strict=True)
        return np.array([float(normalise(a) == normalise(b)) for a, b in pairs])

    def chance(self, items: RewriteExam, /) -> None:
        """Return None: there is no random guess of a text."""


class CharacterF1:
    """Overlap of the character trigrams of recovered and true prompt."""

    name = "character_f1"
    label = "character F1"
    explanation = (
        "The F1 score of the character trigrams of recovered and true prompt (as chrF with n = 3)."
    )
    higher_is_better = True
    bounds = (0.0, 1.0)

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the F1 score of each row, shape `[n_items]`."""
        pairs = zip(predictions, items.prompts, strict=True)
        return np.array([_f1(_trigrams(a), _trigrams(b)) for a, b in pairs])

    def chance(self, items: RewriteExam, /) -> None:
        """Return None: there is no random guess of a text."""


def _trigrams(text: str) -> Counter[str]:
    folded = f" {normalise(text)} "
    return Counter(folded[i : i + _N] for i in range(max(len(folded) - _N + 1, 1)))


def _f1(a: Counter[str], b: Counter[str]) -> float:
    shared = sum((a & b).values())
    return 2 * shared / (sum(a.values()) + sum(b.values()))
