"""Questions whose answer key may be wrong, by the answers of several solvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.bootstrap import wilson_interval
from llmexam.evaluation.items.distractors import OptionUse
from llmexam.evaluation.items.responses import Responses

MIN_STRONG = 2
"""Fewer strong solvers than this cannot agree on anything."""
MIN_ACCURACY = 0.5
"""A solver that is wrong more often than right cannot contradict a key."""
BASELINES = frozenset({"longest", "first", "random"})
"""Kinds of solvers that do not read the question, so that their agreement says nothing."""
_CAP = 0.99


@dataclass(frozen=True, slots=True)
class SuspectKey:
    """A question whose key several solvers contradict.

    Attributes:
        row: Row in the exam, from 1.
        id: Id of the question.
        answer: Index of the option that the exam calls right.
        other: Index of the option that the solvers prefer.
        reasons: "agreement": all strong solvers choose the same other option; "negative
            discrimination": better solvers are right less often, beyond chance.
        n_right: Solvers that choose the key.
        n_other: Solvers that choose the other option.
        n_raters: Number of solvers.
        discrimination: Corrected item-total correlation; NaN if undefined.
        p_value: One-sided p-value of a discrimination this low.
        support: Weighted vote for the other option against the key, in nats per solver.
        mass: Mean probability of the other option among the strong solvers.
    """

    row: int
    id: str
    answer: int
    other: int
    reasons: tuple[str, ...]
    n_right: int
    n_other: int
    n_raters: int
    discrimination: float
    p_value: float
    support: float
    mass: float


def strong_raters(responses: Responses, *, level: float = 0.95) -> tuple[int, ...]:
    """Return the solvers whose agreement says something about a key, best first.

    From each kind of solvers its best one is taken, because variants of one solver agree with each
    other anyway. Of those that are right in at least half of the questions and clearly above
    chance, the better half is returned, but at least two. Baselines that ignore the question do
    not count.

    Args:
        responses: The answers.
        level: Level of the interval of accuracy that must lie above chance.

    Returns:
        Their places.
    """
    right = responses.right
    chance = responses.chance
    best: dict[str, tuple[float, int]] = {}
    for i, group in enumerate(responses.groups):
        found = (float(right[i].mean()), -i)
        best[group] = max(best.get(group, found), found)
    above = [
        (mean, i)
        for group, (mean, i) in best.items()
        if group not in BASELINES
        and mean >= MIN_ACCURACY
        and wilson_interval(mean, right.shape[1], level)[0] > chance
    ]
    above.sort(reverse=True)
    return tuple(-i for _, i in above[: max((len(above) + 1) // 2, MIN_STRONG)])


def vote_weights(responses: Responses) -> NDArray[np.float64]:
    """Return the weight of each solver's vote, shape `[n_raters]`.

    log(a (m - 1) / (1 - a)) for a solver of accuracy a among m options: the optimal weight of
    independent votes (Nitzan and Paroush, 1982); at least 0.
    """
    accuracy = responses.right.mean(axis=1).clip(1 - _CAP, _CAP)
    others = float(responses.n_options.mean()) - 1
    weights: NDArray[np.float64] = np.log(accuracy * others / (1 - accuracy)).clip(min=0.0)
    return weights


def find_suspects(
    responses: Responses,
    use: OptionUse,
    discrimination: NDArray[np.float64],
    p_values: NDArray[np.float64],
    *,
    strong: Sequence[int],
    alpha: float = 0.05,
) -> tuple[SuspectKey, ...]:
    """Return the questions whose key is suspect, the most suspect first.

    Args:
        responses: The answers.
        use: How often each option is chosen.
        discrimination: Of each item, shape `[n_questions]`.
        p_values: One-sided p-values of a discrimination that low, same shape.
        strong: Places of the strong solvers.
        alpha: Level below which a negative discrimination counts.
    """
    agreed = _agreed_other(responses, strong)
    weights = vote_weights(responses)
    wrong = np.where(use.is_distractor, use.shares, -1.0)
    found = []
    negative = (discrimination < 0) & (p_values <= alpha)
    for i in np.flatnonzero(negative | (agreed >= 0)):
        other = int(agreed[i]) if agreed[i] >= 0 else int(wrong[i].argmax())
        reasons = []
        if agreed[i] >= 0:
            reasons.append("agreement")
        if negative[i]:
            reasons.append("negative discrimination")
        votes, right = responses.choices[:, i], responses.right[:, i]
        balance = weights @ ((votes == other).astype(float) - right)
        group = list(strong) or list(range(responses.n_raters))
        found.append(
            SuspectKey(
                row=responses.rows[i],
                id=responses.ids[i],
                answer=int(responses.answers[i]),
                other=other,
                reasons=tuple(reasons),
                n_right=int(right.sum()),
                n_other=int((votes == other).sum()),
                n_raters=responses.n_raters,
                discrimination=float(discrimination[i]),
                p_value=float(p_values[i]),
                support=float(balance) / max(responses.n_raters, 1),
                mass=float(responses.probabilities[group, i, other].mean()),
            )
        )
    return tuple(sorted(found, key=lambda one: (-len(one.reasons), -one.support, one.row)))


def _agreed_other(responses: Responses, strong: Sequence[int]) -> NDArray[np.int64]:
    """Return the wrong option that all strong solvers choose, or -1, shape `[n_questions]`."""
    none = np.full(len(responses.answers), -1, dtype=np.int64)
    if len(strong) < MIN_STRONG:
        return none
    votes = responses.choices[list(strong)]
    first = votes[0]
    is_wrong = responses.right[strong[0]] == 0
    agree = (votes == first).all(axis=0) & (first >= 0) & is_wrong
    return np.where(agree, first, none)
