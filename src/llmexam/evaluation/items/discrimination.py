"""Discrimination of items: corrected item-total correlation over solvers, with a permutation test.

The item-total correlation is the point-biserial correlation between "this solver is right on this
item" and how many of the *other* items the solver gets right (Henrysson, 1963). With few solvers it
is coarse: of R solvers of which k are right, there are only "R choose k" arrangements, so that no
p-value is below 1 / (R choose k). The test counts arrangements, and so never claims more than that.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_COUNTED = 5_000
"""Up to this number of arrangements all are counted; beyond it as many are drawn."""
_CHUNK_CELLS = 4_000_000
# Sums of equal numbers in another order are equal only up to rounding.
_TOLERANCE = 1e-9


def rest_scores(right: Floats) -> Floats:
    """Return each solver's share of right answers among the other items, same shape.

    Args:
        right: 1 where a solver is right, shape `[n_raters, n_items]`.
    """
    n_others = max(right.shape[1] - 1, 1)
    rest: Floats = (right.sum(axis=1, keepdims=True) - right) / n_others
    return rest


def point_biserial(chosen: Floats, rest: Floats) -> Floats:
    """Return the correlation over solvers for each item, shape `[n_items]`.

    It is NaN where all solvers, or none, chose the option, and where all rest scores are equal.

    Args:
        chosen: 1 where a solver chose the option in question, shape `[n_raters, n_items]`.
        rest: Rest scores, same shape.

    >>> right = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    >>> [round(float(r), 3) for r in point_biserial(right, rest_scores(right))]
    [0.5, 0.5]
    """
    if len(chosen) == 0:
        return np.full(chosen.shape[1], np.nan)
    a, b = chosen - chosen.mean(axis=0), rest - rest.mean(axis=0)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(spread > _TOLERANCE, (a * b).sum(axis=0) / spread, np.nan)
    return found


def negative_p_values(right: Floats, rest: Floats, *, seed: int = 0) -> Floats:
    """Return the one-sided p-value of a discrimination this low for each item, shape `[n_items]`.

    Null hypothesis: which of the solvers are right on the item does not depend on their rest
    scores. All arrangements are counted if there are at most 5,000 of them; otherwise 5,000 are
    drawn, and the p-value is (1 + hits) / 5,001. It is 1 where the discrimination is undefined.

    Args:
        right: 1 where a solver is right, shape `[n_raters, n_items]`.
        rest: Rest scores, same shape.
        seed: Random seed of the drawn arrangements.
    """
    n_raters, n_items = right.shape
    values = np.ones(n_items)
    observed = (right * rest).sum(axis=0)
    n_right = right.sum(axis=0).astype(np.int64)
    rng = np.random.default_rng(seed)
    for k in range(1, n_raters):
        items = np.flatnonzero(n_right == k)
        if not len(items):
            continue
        arrangements, exact = _arrangements(n_raters, k, rng)
        step = max(1, _CHUNK_CELLS // len(arrangements))
        for start in range(0, len(items), step):
            part = items[start : start + step]
            low = arrangements @ rest[:, part] <= observed[part] + _TOLERANCE
            hits = low.sum(axis=0)
            values[part] = (
                hits / len(arrangements) if exact else (1 + hits) / (1 + len(arrangements))
            )
    undefined = ~np.isfinite(point_biserial(right, rest))
    values[undefined] = 1.0
    return values


def smallest_p_value(n_raters: int) -> float:
    """Return the smallest p-value that any item can have with this number of solvers.

    >>> smallest_p_value(6)
    0.05
    """
    if n_raters < 2:
        return 1.0
    n = comb(n_raters, n_raters // 2)
    return 1 / n if n <= MOST_COUNTED else 1 / (1 + MOST_COUNTED)


def effective_raters(right: Floats) -> float:
    """Return how many independent solvers these are worth: R / (1 + (R - 1) r).

    r is the mean correlation between two solvers over items, at least 0 (Kish's design effect).
    Variants of one solver agree with each other, so that ten of them may be worth two.

    Args:
        right: 1 where a solver is right, shape `[n_raters, n_items]`.
    """
    varied = right[right.std(axis=1) > 0]
    n = len(right)
    if len(varied) < 2:
        return float(min(n, 1))
    matrix = np.corrcoef(varied)
    mean = float(matrix[np.triu_indices(len(varied), 1)].mean())
    return float(n / (1 + (n - 1) * max(mean, 0.0)))


def _arrangements(n: int, k: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Return rows with k ones among n places, and whether these are all that there are."""
    if comb(n, k) <= MOST_COUNTED:
        places = np.array(list(combinations(range(n), k)), dtype=np.int64)
        exact = True
    else:
        places = rng.random((MOST_COUNTED, n)).argsort(axis=1)[:, :k]
        exact = False
    rows = np.zeros((len(places), n))
    np.put_along_axis(rows, places, 1.0, axis=1)
    return rows, exact
