"""Gain in log-likelihood of the rewritten text: given the recovered prompt, minus a constant."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.likelihood import RewriteLikelihood
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float64]


class LikelihoodGain:
    """Mean log-probability of a token of the rewritten text minus that under a constant prompt.

    It needs no embedding and no true prompt: a prompt scores well if it makes what was written
    more likely. It is as good as the language model is at following instructions.

    Args:
        likelihood: Scores rewritten texts under prompts.
        constant: The prompt that is compared with.
    """

    name = "likelihood_gain"
    label = "gain in log-likelihood"
    higher_is_better = True
    bounds = (-inf, inf)

    def __init__(self, likelihood: RewriteLikelihood, constant: str = COMMON[0]) -> None:
        self._likelihood = likelihood
        self._constant = constant

    @property
    def explanation(self) -> str:
        """What it measures."""
        return (
            "Mean log-probability of a token of the rewritten text in nats, given the original "
            f'and the recovered prompt, minus the same given "{self._constant}"; language model: '
            f"{self._likelihood.name}. 0 means no better than that constant."
        )

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the gain of each row in nats per token, shape `[n_items]`."""
        pairs = [(row.original, row.rewritten) for row in items]
        found = self._likelihood.score(pairs, [(text, self._constant) for text in predictions])
        return np.array([own.per_token - other.per_token for own, other in found])

    def chance(self, items: RewriteExam, /) -> None:
        """Return None: there is no random guess of a text."""
