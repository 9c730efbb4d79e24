"""Adjusted p values where several hypotheses are tested (Holm; Benjamini and Hochberg)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from llmexam.errors import SettingsError
from llmexam.evaluation.results import AdjustedP, Comparison

C = TypeVar("C", bound=Comparison)

WITH_FINAL = "comparisons with the final result"
MEMBERS = "contributions of the members of the ensemble"
WITH_FIRST = "comparisons with the first result"


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted by Holm's step-down method (1979), in the given order.

    Rejecting those up to alpha keeps the probability of any false rejection below alpha,
    whatever the dependence between the tests.

    Raises:
        SettingsError: A p value is not between 0 and 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _unsorted(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted by the step-up method of Benjamini and Hochberg (1995).

    Rejecting those up to alpha keeps the expected share of false ones among the rejections below
    alpha, for independent or positively dependent tests.

    Raises:
        SettingsError: A p value is not between 0 and 1.

    >>> [round(p, 4) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    ratios = p[order] * (len(p) / np.arange(1, len(p) + 1))
    steps = np.minimum.accumulate(ratios[::-1])[::-1]
    return _unsorted(steps, order)


def adjust(comparisons: Sequence[C], family: str) -> tuple[C, ...]:
    """Return comparisons with adjusted p values; a single one has nothing to adjust for.

    Args:
        comparisons: All tests of one family.
        family: What the tests have in common, such as "comparisons with the final result".
    """
    if len(comparisons) < 2:
        return tuple(comparisons)
    raw = [one.p_value for one in comparisons]
    return tuple(
        one.model_copy(
            update={
                "adjusted": AdjustedP(
                    holm=by_holm,
                    benjamini_hochberg=by_bh,
                    n_tests=len(comparisons),
                    family=family,
                )
            }
        )
        for one, by_holm, by_bh in zip(comparisons, holm(raw), benjamini_hochberg(raw), strict=True)
    )


def _checked(p_values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    p = np.array(p_values, dtype=np.float64).reshape(-1)
    if not ((p >= 0) & (p <= 1)).all():
        raise SettingsError(f"expected p values between 0 and 1, got {list(p_values)}")
    return p


def _unsorted(
    steps: np.ndarray[tuple[int], np.dtype[np.float64]],
    order: np.ndarray[tuple[int], np.dtype[np.intp]],
) -> list[float]:
    adjusted = np.empty(len(steps))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(one) for one in adjusted]
