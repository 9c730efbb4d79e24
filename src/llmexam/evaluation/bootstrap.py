"""Bootstrap confidence intervals of means (Efron and Tibshirani, 1993).

All functions take arrays of values per item, shape `[n_items, n_columns]`, of any metric. Many
metrics have few distinct values per item (0, 1/3, 1/2 and 1 for MAP@3). Drawing n items with
replacement and counting each value is one multinomial draw over those values, so a resample costs
a draw of a handful of counts for any n. The distribution is the same, not an approximation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.results import Estimate

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Method = Literal["percentile", "expanded", "bca"]
Bounds = tuple[float, float]

# With more distinct values than this, drawing items one by one is faster.
_MAX_GROUPS = 256
_CHUNK_CELLS = 4_000_000
SMALL = 10
"""Below this number of items a bootstrap interval is too narrow (see `mean_intervals`)."""


def resample_means(values: Floats, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Return the means of bootstrap resamples, shape `[n_resamples, n_columns]`.

    Args:
        values: One row an item, shape `[n_items, n_columns]`. Columns are resampled together, so
            a difference of columns is paired.
        n_resamples: Number of resamples.
        rng: Random generator.
    """
    n = len(values)
    distinct, counts = np.unique(values, axis=0, return_counts=True)
    if len(distinct) <= _MAX_GROUPS:
        drawn = rng.multinomial(n, counts / n, size=n_resamples)
        means: Floats = drawn @ distinct / n
        return means
    means = np.empty((n_resamples, values.shape[1]))
    for part in _chunks(n_resamples, n):
        rows = rng.integers(0, n, size=(part.stop - part.start, n), dtype=np.int32)
        for column in range(values.shape[1]):
            means[part, column] = values[:, column][rows].mean(axis=1)
    return means


def resample_cluster_means(
    values: Floats, clusters: Integers, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Return the means of resamples of whole clusters, shape `[n_resamples, n_columns]`.

    Items of one cluster, such as rows with the same prompt, are not independent. Resampling
    clusters with all their items accounts for that (Cameron, Gelbach and Miller, 2008).

    Args:
        values: One row an item, shape `[n_items, n_columns]`.
        clusters: Number of each item's cluster, shape `[n_items]`.
        n_resamples: Number of resamples.
        rng: Random generator.
    """
    sums = cluster_sums(values, clusters)
    sizes = cluster_sums(np.ones((len(values), 1)), clusters)
    n = len(sums)
    means = np.empty((n_resamples, values.shape[1]))
    for part in _chunks(n_resamples, n):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=part.stop - part.start)
        # Clusters differ in size, so resamples do: their mean is a ratio of sums.
        means[part] = (counts @ sums) / (counts @ sizes)
    return means


def cluster_sums(values: Floats, clusters: Integers) -> Floats:
    """Return the sum of the values of each cluster, shape `[n_clusters, n_columns]`."""
    _, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(places.max()) + 1, values.shape[1]))
    np.add.at(sums, places.ravel(), values)
    return sums


def mean_intervals(
    values: Floats,
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    method: Method | None = None,
    bounds: Bounds | Sequence[Bounds] = (0.0, 1.0),
    clusters: Integers | None = None,
) -> list[Estimate]:
    """Return the mean of each column with its bootstrap interval.

    Columns that are functions of the first column are resampled with it, the others separately, so
    an interval does not depend on which other metrics are computed.

    A bootstrap interval has zero width if all values are equal, such as ten right answers of ten.
    With fewer than 10 items or equal values, the interval is therefore widened to at least
    Wilson's score interval. It is conservative for any variable within `bounds`, because a
    Bernoulli variable has the largest variance for a given mean.

    Args:
        values: One row an item, shape `[n_items, n_columns]`.
        n_resamples: Bootstrap resamples.
        seed: Seed of the resampling.
        level: Level of the intervals, such as 0.95.
        method: `percentile`, the default for independent items; `expanded`, the default for
            clusters: percentiles of a wider level, which correct the narrowness of a bootstrap
            of few clusters (Hesterberg, 2015); or `bca`: bias-corrected and accelerated (Efron,
            1987), which follows skewed values more closely. `benchmarks/coverage_simulation.py`
            measures their coverage.
        bounds: Smallest and largest possible value of an item; one pair for all columns, or one
            for each. Intervals are not widened without finite bounds.
        clusters: Number of each item's cluster, shape `[n_items]`, if items are not independent;
            then whole clusters are resampled.

    Raises:
        ExamError: There are no items.
        SettingsError: The level or the number of resamples is out of range.
    """
    if len(values) == 0:
        raise ExamError("there are no questions to grade")
    if not 0 < level < 1:
        raise SettingsError(
            f"expected a level between 0 and 1, got {level}", hint="The usual value is 0.95"
        )
    if n_resamples < 1:
        raise SettingsError(
            f"expected n_resamples of at least 1, got {n_resamples}",
            hint="The usual value is 10000",
        )
    if method is None:
        method = "percentile" if clusters is None else "expanded"
    if clusters is None:
        means = _column_means(values, n_resamples, seed)
    else:
        rng = np.random.default_rng(seed)
        means = resample_cluster_means(values, clusters, n_resamples, rng)
    each = np.broadcast_to(np.array(bounds, dtype=np.float64), (values.shape[1], 2))
    n = len(values) if clusters is None else len(np.unique(clusters))
    return [
        _interval(values[:, column], means[:, column], level, method, (float(low), float(high)), n)
        for column, (low, high) in enumerate(each)
    ]


def _column_means(values: Floats, n_resamples: int, seed: int) -> Floats:
    """Return the means of bootstrap resamples of items, shape `[n_resamples, n_columns]`."""
    follows = _follow_first(values)
    means = np.empty((n_resamples, values.shape[1]))
    alone = [np.array([column]) for column in np.flatnonzero(~follows)]
    for columns in [np.flatnonzero(follows), *alone]:
        # The same seed for each group: its interval does not depend on the other columns.
        rng = np.random.default_rng(seed)
        means[:, columns] = resample_means(values[:, columns], n_resamples, rng)
    return means


def _follow_first(values: Floats) -> NDArray[np.bool_]:
    """Return which columns are functions of the first one, shape `[n_columns]`."""
    _, first, inverse = np.unique(values[:, 0], return_index=True, return_inverse=True)
    follows: NDArray[np.bool_] = (values[first][inverse.ravel()] == values).all(axis=0)
    return follows


def wilson_interval(mean: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a mean within 0 and 1 (Wilson, 1927).

    >>> low, high = wilson_interval(1.0, 10)
    >>> round(low, 4), high
    (0.7225, 1.0)
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = mean + z * z / (2 * n)
    half = z * float(np.sqrt(max(mean * (1 - mean), 0.0) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    # Rounding may move an end slightly beyond the bound that it touches.
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def minimum_detectable_difference(
    sd: float, n: int, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Return the difference of means that a paired two-sided test detects with this power.

    (z(1 - alpha/2) + z(power)) * sd / sqrt(n), as for a paired z test.

    Args:
        sd: Standard deviation of the differences per item.
        n: How many items.
        power: Probability of detecting a true difference.
        alpha: Significance level.

    >>> round(minimum_detectable_difference(0.4, 200), 4)
    0.0792
    """
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * sd / float(np.sqrt(n))


def spread(
    values: Floats,
    bounds: Bounds = (0.0, 1.0),
    clusters: NDArray[np.int64] | None = None,
) -> float:
    """Return the standard deviation of values per item.

    If all values are equal, 0 would underestimate it. Two pseudo-items are then added at each
    finite bound, as Agresti and Coull (1998) do for proportions.

    With clusters it is sqrt(n) times the cluster-robust standard error of the mean (Liang and
    Zeger, 1986): what independent items would need to give the same error.

    Args:
        values: One value per item.
        bounds: Lowest and highest possible value.
        clusters: Cluster of each item, shape `[n_items]`; items of a cluster are not independent.

    >>> round(spread(np.ones(6)), 4)
    0.4216
    >>> round(spread(np.array([0.0, 0.0, 1.0, 1.0]), clusters=np.array([0, 0, 1, 1])), 4)
    1.0
    """
    if values.min() == values.max():
        values = np.concatenate([values, np.repeat([b for b in bounds if isfinite(b)], 2)])
        return float(values.std(ddof=1))
    if clusters is None:
        return float(values.std(ddof=1))
    return standard_error(values, clusters) * float(np.sqrt(len(values)))


def _interval(
    values: Floats, means: Floats, level: float, method: Method, bounds: Bounds, n: int
) -> Estimate:
    mean = float(values.mean())
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "expanded" and n > 1:
        ends = _expanded_levels(level, n)
    if method == "bca":
        ends = _bca_levels(values, means, ends)
    low, high = (float(end) for end in np.quantile(means, ends))
    lower, upper = bounds
    width = upper - lower
    if isfinite(width) and (n < SMALL or values.min() == values.max()):
        wilson = wilson_interval((mean - lower) / width, n, level)
        low = min(low, lower + width * wilson[0])
        high = max(high, lower + width * wilson[1])
    # The mean of equal numbers can differ from them in the last bit; the interval must include it.
    return Estimate(value=mean, low=min(low, mean), high=max(high, mean))


def _expanded_levels(level: float, n: int) -> Floats:
    """Return the quantile levels of an expanded percentile interval (Hesterberg, 2015).

    A bootstrap divides by n instead of n - 1, and its quantiles are those of a normal instead of a
    t distribution. Both make intervals of few items too narrow.
    """
    reach = float(np.sqrt(n / (n - 1))) * t_quantile((1 + level) / 2, n - 1)
    outside = NormalDist().cdf(-reach)
    return np.array([outside, 1 - outside])


def t_quantile(probability: float, df: int) -> float:
    """Return a quantile of Student's t distribution.

    Exact for 1 and 2 degrees of freedom. Beyond that by the expansion of Cornish and Fisher around
    the normal quantile (Abramowitz and Stegun, 26.7.5); for the usual 97.5 % it is exact to 0.004.

    >>> round(t_quantile(0.975, 19), 3), round(t_quantile(0.975, 1), 3)
    (2.093, 12.706)
    """
    if df == 1:
        return float(np.tan(np.pi * (probability - 0.5)))
    if df == 2:
        variance = 2 * probability * (1 - probability)
        return (2 * probability - 1) / float(np.sqrt(variance))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(df) ** power for power, term in enumerate(terms, start=1))


def t_interval(
    values: Floats, *, level: float = 0.95, clusters: Integers | None = None
) -> tuple[float, float]:
    """Return the t interval of a mean, with a cluster-robust standard error for clusters.

    Args:
        values: One value per item.
        level: Level of the interval.
        clusters: Number of each item's cluster, if items are not independent.
    """
    n = len(values) if clusters is None else len(np.unique(clusters))
    half = t_quantile((1 + level) / 2, n - 1) * standard_error(values, clusters)
    mean = float(values.mean())
    return mean - half, mean + half


def standard_error(values: Floats, clusters: Integers | None = None) -> float:
    """Return the standard error of a mean; with clusters the cluster-robust one.

    sqrt(G / (G - 1) * sum of squares of the G clusters' sums of residuals) / n, the estimate of
    Liang and Zeger (1986) that Miller (2024) recommends for evaluations of language models.

    Args:
        values: One value per item.
        clusters: Number of each item's cluster.

    >>> round(standard_error(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1])), 4)
    0.5
    """
    sums = values - values.mean()
    if clusters is not None:
        sums = cluster_sums(sums[:, None], clusters)[:, 0]
    n = len(sums)
    return float(np.sqrt(n / (n - 1) * (sums**2).sum())) / len(values)


def _bca_levels(values: Floats, means: Floats, ends: Floats) -> Floats:
    """Return the bias-corrected and accelerated quantile levels for `ends` (Efron, 1987).

    The jackknife of a mean has a closed form: the acceleration is the skewness over 6 sqrt(n).
    """
    deviations = values - values.mean()
    squares = float((deviations**2).sum())
    if squares == 0:
        return ends
    acceleration = float((deviations**3).sum()) / (6 * squares**1.5)
    # Resampled means take few values, so ties count half; else the bias is overestimated.
    below = float((means < values.mean()).mean() + (means == values.mean()).mean() / 2)
    normal = NormalDist()
    # The inverse normal CDF is infinite at 0 and 1.
    bias = normal.inv_cdf(min(max(below, 1e-6), 1 - 1e-6))
    shifted = [bias + normal.inv_cdf(float(end)) for end in ends]
    return np.array([normal.cdf(bias + s / (1 - acceleration * s)) for s in shifted])


def _chunks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of rows such that a table of `n_columns` fits into the processor's cache."""
    step = max(1, _CHUNK_CELLS // max(n_columns, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
