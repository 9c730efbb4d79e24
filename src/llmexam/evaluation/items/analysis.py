"""Item analysis of an exam from the answers of several solvers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.bootstrap import wilson_interval
from llmexam.evaluation.items.discrimination import (
    effective_raters,
    negative_p_values,
    point_biserial,
    rest_scores,
    smallest_p_value,
)
from llmexam.evaluation.items.distractors import OptionUse, option_use, unseen_share
from llmexam.evaluation.items.responses import Responses
from llmexam.evaluation.items.suspects import (
    MIN_STRONG,
    SuspectKey,
    find_suspects,
    strong_raters,
)
from llmexam.evaluation.multiplicity import benjamini_hochberg

ALPHA = 0.05
MIN_RATERS = 3
"""With fewer solvers there is no discrimination."""


@dataclass(frozen=True, slots=True)
class Rater:
    """A solver of the analysis.

    Attributes:
        name: Its name.
        accuracy: Share of the questions that it gets right.
        low: Lower end of the 95 % interval of that share (Wilson).
        high: Upper end.
        is_strong: Whether its agreement with other strong solvers makes a key suspect.
    """

    name: str
    accuracy: float
    low: float
    high: float
    is_strong: bool


@dataclass(frozen=True, eq=False)
class ItemAnalysis:
    """Difficulty, discrimination and distractor use of the questions of an exam.

    Attributes:
        responses: The answers behind it.
        raters: The solvers, in their order.
        difficulty: Share of the solvers that are right, shape `[n_questions]`; 1 is easy.
        discrimination: Corrected item-total correlation, same shape; NaN where all solvers or
            none are right.
        p_values: One-sided p-values of a discrimination that low, same shape.
        adjusted: The same, adjusted for the number of items (false discovery rate).
        use: How often each option is chosen.
        suspects: Questions whose key may be wrong, the most suspect first.
        effective_raters: How many independent solvers these are worth.
        smallest_p_value: The smallest p-value that any item can have with these solvers.
        chance: Mean accuracy of a random choice.
    """

    responses: Responses
    raters: tuple[Rater, ...]
    difficulty: NDArray[np.float64]
    discrimination: NDArray[np.float64]
    p_values: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    use: OptionUse
    suspects: tuple[SuspectKey, ...]
    effective_raters: float
    smallest_p_value: float
    chance: float

    @property
    def n_items(self) -> int:
        """Number of questions with an answer."""
        return len(self.difficulty)

    @property
    def defined(self) -> NDArray[np.float64]:
        """The discriminations that are defined."""
        return self.discrimination[np.isfinite(self.discrimination)]

    @property
    def n_negative(self) -> int:
        """Questions with a negative discrimination."""
        return int((self.defined < 0).sum())

    @property
    def n_significant(self) -> int:
        """Questions whose discrimination is negative after adjustment for the number of items."""
        return int((self.adjusted <= ALPHA).sum())

    def difficulty_interval(self, item: int) -> tuple[float, float]:
        """Return Wilson's 95 % interval of a question's share of right solvers.

        It is that of as many independent solvers as these are worth, rounded.
        """
        return wilson_interval(float(self.difficulty[item]), self._n_independent)

    @property
    def _n_independent(self) -> int:
        return max(round(self.effective_raters), 1)

    @property
    def limits(self) -> tuple[str, ...]:
        """Sentences about what these solvers can and cannot show."""
        n = len(self.raters)
        if n < MIN_RATERS:
            return (
                f"{n} solver{'' if n == 1 else 's'} cannot show discrimination: give at least "
                f"{MIN_RATERS}, better 10 of different kinds.",
            )
        # A share of one half has the widest interval.
        low, high = wilson_interval(0.5, self._n_independent)
        found = [
            f"{n} solvers, worth about {self.effective_raters:.1f} independent ones: the 95 % "
            f"interval of a single question's difficulty is up to {high - low:.2f} wide."
        ]
        if self.smallest_p_value > ALPHA:
            found.append(
                f"No single question can show a negative discrimination: with {n} solvers no "
                f"p-value is below {self.smallest_p_value:.3f}."
            )
        elif self.smallest_p_value * self.n_items > ALPHA:
            found.append(
                f"With {n} solvers no p-value is below {self.smallest_p_value:.2g}; among "
                f"{self.n_items:,} questions, low discriminations are hints to look at: up to "
                f"{ALPHA * len(self.defined):.0f} of them are below {ALPHA} by chance."
            )
        share = unseen_share(self.effective_raters)
        found.append(
            "A distractor that none of them chooses may still attract up to "
            f"{share:.0%} of independent solvers."
        )
        n_strong = sum(rater.is_strong for rater in self.raters)
        if n_strong < MIN_STRONG:
            found.append(
                "Fewer than two kinds of solvers are right in half of the questions, so their "
                "agreement says nothing about keys."
            )
        else:
            names = [rater for rater in self.raters if rater.is_strong]
            worst = min(names, key=lambda rater: rater.accuracy)
            found.append(
                f"The {n_strong} strong solvers are right in {worst.accuracy:.0%} of the questions "
                "or more. Solvers of one kind make the same mistakes, so most keys that they "
                "contradict are right if that share is low."
            )
        return tuple(found)

    def as_dict(self, *, items: bool = True) -> dict[str, Any]:
        """Return the result as JSON-serialisable values.

        Args:
            items: Whether to include one entry per question.
        """
        value: dict[str, Any] = {
            "n_items": self.n_items,
            "raters": [asdict(rater) for rater in self.raters],
            "left_out": dict(self.responses.left_out),
            "effective_raters": self.effective_raters,
            "smallest_p_value": self.smallest_p_value,
            "chance_accuracy": self.chance,
            "mean_difficulty": _mean(self.difficulty),
            "mean_discrimination": _mean(self.defined),
            "n_negative_discrimination": self.n_negative,
            "n_negative_after_adjustment": self.n_significant,
            "n_distractors": self.use.n_distractors,
            "n_distractors_unchosen": int(self.use.unchosen.sum()),
            "n_distractors_weak": int(self.use.weak.sum()),
            "limits": list(self.limits),
            "suspects": [_suspect(one) for one in self.suspects],
        }
        if items:
            value["items"] = [self._item(i) for i in range(self.n_items)]
        return value

    def _item(self, i: int) -> dict[str, Any]:
        n = int(self.responses.n_options[i])
        low, high = self.difficulty_interval(i)
        return {
            "row": self.responses.rows[i],
            "id": self.responses.ids[i],
            "difficulty": float(self.difficulty[i]),
            "difficulty_low": low,
            "difficulty_high": high,
            "discrimination": _finite(float(self.discrimination[i])),
            "p_value": float(self.p_values[i]),
            "p_value_adjusted": float(self.adjusted[i]),
            "shares": [float(v) for v in self.use.shares[i, :n]],
            "mass": [float(v) for v in self.use.mass[i, :n]],
        }


def analyse(responses: Responses, *, seed: int = 0) -> ItemAnalysis:
    """Return difficulty, discrimination and distractor use of each question.

    Args:
        responses: The answers of the solvers.
        seed: Random seed of the permutation test, where arrangements are drawn.
    """
    right = responses.right
    rest = rest_scores(right)
    n_items = right.shape[1]
    discrimination = point_biserial(right, rest)
    if len(right) < MIN_RATERS:
        discrimination = np.full(n_items, np.nan)
    p_values = negative_p_values(right, rest, seed=seed)
    use = option_use(responses)
    strong = strong_raters(responses)
    raters = []
    for i, name in enumerate(responses.names):
        accuracy = float(right[i].mean())
        low, high = wilson_interval(accuracy, n_items)
        is_strong = i in strong and len(strong) >= MIN_STRONG
        raters.append(Rater(name, accuracy, low, high, is_strong))
    adjusted = np.ones(n_items)
    defined = np.isfinite(discrimination)
    adjusted[defined] = benjamini_hochberg(p_values[defined].tolist())
    return ItemAnalysis(
        responses=responses,
        raters=tuple(raters),
        difficulty=right.mean(axis=0) if len(right) else np.full(n_items, np.nan),
        discrimination=discrimination,
        p_values=p_values,
        adjusted=adjusted,
        use=use,
        suspects=find_suspects(responses, use, discrimination, p_values, strong=strong),
        effective_raters=effective_raters(right),
        smallest_p_value=smallest_p_value(len(right)),
        chance=responses.chance,
    )


def _suspect(one: SuspectKey) -> dict[str, Any]:
    return {**asdict(one), "discrimination": _finite(one.discrimination)}


def _mean(values: NDArray[np.float64]) -> float | None:
    return _finite(float(values.mean())) if len(values) else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
