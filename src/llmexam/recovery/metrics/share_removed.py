"""The share of a prompt that says nothing: sticky tokens, markup, gibberish and repetitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import clean_prompt

Floats = NDArray[np.float64]

GAMED_LOSS = 0.05
"""A prediction is flagged as gamed if it loses this much sharpened cosine by being cleaned."""


class ShareRemoved:
    """Mean share of the characters of a prompt that cleaning removes; lower is better."""

    name = "share_removed"
    label = "share removed"
    explanation = (
        "The share of meaningless characters in recovered prompts: tokens that embedders reward "
        "whatever the true prompt is, markup, gibberish and repetitions. Lower is better."
    )
    higher_is_better = False
    bounds = (0.0, 1.0)

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the share of each row, shape `[n_items]`, from 0 to 1."""
        return np.array(
            [
                clean_prompt(text, context=f"{row.original} {row.rewritten}").share
                for text, row in zip(predictions, items, strict=True)
            ]
        )

    def chance(self, items: RewriteExam, /) -> None:
        """Return None: there is no random guess of a text."""
