"""Non-inferiority and equivalence of two results within a margin (two one-sided tests)."""

from __future__ import annotations

from math import ceil, log
from statistics import NormalDist

from llmexam.evaluation.results import Equivalence, EquivalenceVerdict, Estimate


def judge_equivalence(
    interval: Estimate, margin: float, *, sd: float, higher_is_better: bool = True, alpha: float
) -> Equivalence:
    """Return whether a result is as good as another, up to a margin.

    The two one-sided tests at level alpha (Schuirmann, 1987) reject exactly if the interval of
    level 1 - 2 alpha lies inside the margins.

    Args:
        interval: The difference a - b, with its interval of level 1 - 2 alpha.
        margin: Largest difference that does not matter.
        sd: Standard deviation of the differences per item, as `bootstrap.spread` returns it.
        higher_is_better: Whether larger values of the metric are better.
        alpha: Level of each one-sided test.
    """
    low, high = (
        (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    )
    not_worse, not_better = low > -margin, high < margin
    verdict: EquivalenceVerdict
    if not_worse and not_better:
        verdict = "equivalent"
    elif not_worse:
        verdict = "not worse"
    elif high < -margin:
        verdict = "worse"
    else:
        verdict = "undecided"
    return Equivalence(
        margin=margin,
        alpha=alpha,
        interval=interval,
        verdict=verdict,
        n_for_not_worse=items_needed(sd, margin, alpha=alpha),
        n_for_equivalence=items_needed(sd, margin, alpha=alpha, two_sided=True),
    )


def items_needed(
    sd: float, margin: float, *, alpha: float = 0.05, power: float = 0.8, two_sided: bool = False
) -> int:
    """Return how many items show that a difference is within a margin, if it is really 0.

    ((z(1 - alpha) + z(power)) * sd / margin)^2 for non-inferiority. For equivalence both one-sided
    tests must reject, so each may fail in half of the cases: z(1 - (1 - power) / 2) replaces
    z(power) (Julious, 2004).

    Args:
        sd: Standard deviation of the differences per item.
        margin: The margin.
        alpha: Level of each one-sided test.
        power: Probability of showing it.
        two_sided: Whether equivalence is to be shown instead of non-inferiority.

    >>> items_needed(0.3, 0.02), items_needed(0.3, 0.02, two_sided=True)
    (1392, 1927)
    """
    normal = NormalDist()
    reach = normal.inv_cdf(1 - (1 - power) / 2) if two_sided else normal.inv_cdf(power)
    return max(2, ceil(((normal.inv_cdf(1 - alpha) + reach) * sd / margin) ** 2))


def judge_identical(n: int, margin: float, *, alpha: float, reach: float) -> Equivalence:
    """Return whether two results that are equal on all items are equivalent.

    Resampling equal values gives no width. With n items alike, the share of items that differ is
    below 1 - alpha^(1 / n) with confidence 1 - alpha (Clopper and Pearson, 1934), and each
    differs by at most `reach`.

    Args:
        n: How many independent items or clusters.
        margin: Largest difference that does not matter.
        alpha: Level of each one-sided test.
        reach: Largest possible difference of an item.

    >>> round(judge_identical(200, 0.02, alpha=0.05, reach=1.0).interval.high, 4)
    0.0149
    """
    half = reach * (1 - alpha ** (1 / n))
    needed = max(2, ceil(log(alpha) / log(1 - margin / reach))) if margin < reach else 2
    return Equivalence(
        margin=margin,
        alpha=alpha,
        interval=Estimate(value=0.0, low=-half, high=half),
        verdict="equivalent" if half < margin else "undecided",
        n_for_not_worse=needed,
        n_for_equivalence=needed,
    )
