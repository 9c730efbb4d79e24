"""Use of the wrong options: how many solvers choose each, and which nobody does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.items.responses import Responses

LOW_MASS = 0.05
"""Below this mean probability a distractor hardly attracts anyone (Haladyna and Downing, 1993)."""


@dataclass(frozen=True, eq=False)
class OptionUse:
    """How often each option is chosen.

    Attributes:
        shares: Share of the solvers whose first choice it is, shape `[n_questions, n_options]`.
        mass: Mean probability over solvers, same shape.
        is_distractor: Whether there is a wrong option in this place, same shape.
    """

    shares: NDArray[np.float64]
    mass: NDArray[np.float64]
    is_distractor: NDArray[np.bool_]

    @property
    def unchosen(self) -> NDArray[np.bool_]:
        """Distractors that no solver chooses, shape `[n_questions, n_options]`."""
        unchosen: NDArray[np.bool_] = self.is_distractor & (self.shares == 0)
        return unchosen

    @property
    def weak(self) -> NDArray[np.bool_]:
        """Distractors that no solver chooses and with a mean probability below 0.05."""
        weak: NDArray[np.bool_] = self.unchosen & (self.mass < LOW_MASS)
        return weak

    @property
    def n_distractors(self) -> int:
        """Number of wrong options in all."""
        return int(self.is_distractor.sum())


def option_use(responses: Responses) -> OptionUse:
    """Return the share of solvers and the probability mass of each option."""
    places = np.arange(responses.probabilities.shape[2])
    present = places < responses.n_options[:, None]
    n = max(responses.n_raters, 1)
    shares = (responses.choices[:, :, None] == places).sum(axis=0) / n
    return OptionUse(
        shares=shares,
        mass=responses.probabilities.sum(axis=0) / n,
        is_distractor=present & ~responses.is_right,
    )


def unseen_share(n_raters: float) -> float:
    """Return the largest share of choosers that is still compatible with none being seen.

    If an option attracts this share of all solvers, none of `n_raters` independent ones chooses it
    with a probability of 5 %.

    >>> round(unseen_share(5), 2)
    0.45
    """
    return float(1 - 0.05 ** (1 / n_raters)) if n_raters > 0 else 1.0
