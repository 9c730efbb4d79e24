"""Paired permutation test (sign-flip test) of a mean difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import SettingsError

Floats = NDArray[np.float64]

# Maximum number of sums of the exact test, enough for any 20 differences (2**20).
_MAX_SUMS = 2**20
# Maximum number of differences of one size; more would need slow binomial coefficients.
_MAX_EQUAL = 1000
_MAX_GROUPS = 256
_CHUNK_CELLS = 4_000_000
# Sums of thirds and sixths are equal only up to rounding, so sums are rounded before comparison.
_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Result of a paired permutation test.

    Attributes:
        p_value: Two-sided: probability that the sum of differences with random signs is at least
            as far from 0 as the observed sum.
        exact: Whether all sign flips were counted; otherwise a sample.
    """

    p_value: float
    exact: bool


def paired_permutation_test(
    differences: Floats, *, n_resamples: int = 10_000, seed: int = 0
) -> PermutationTest:
    """Return the p-value of a mean difference under the null hypothesis of no difference.

    The sum of m differences of equal size with random signs is binomial, so all sign flips can
    be counted for hundreds of differences with few distinct sizes. Otherwise flips are sampled,
    and the p-value is (1 + hits) / (1 + n_resamples), which is never 0 (Phipson and Smyth, 2010).

    Args:
        differences: Values of a minus values of b, shape `[n_items]`. Zeros have no effect.
        n_resamples: Number of sampled sign flips, if there are too many to count.
        seed: Random seed of the sampling.

    Raises:
        SettingsError: `n_resamples` is less than 1.

    >>> paired_permutation_test(np.array([1.0, 1.0, 1.0, 0.0]))
    PermutationTest(p_value=0.25, exact=True)
    """
    if n_resamples < 1:
        raise SettingsError(
            f"expected n_resamples of at least 1, got {n_resamples}",
            hint="The usual value is 10000",
        )
    observed = abs(round(float(differences.sum()), _DECIMALS))
    sizes, counts = np.unique(np.abs(differences).round(12), return_counts=True)
    sizes, counts = sizes[sizes > 0], counts[sizes > 0]
    if len(sizes) == 0:
        return PermutationTest(1.0, exact=True)
    # Sums as far as the observed one count as hits, also if rounding made them smaller.
    reach = observed - 10.0**-_DECIMALS
    distribution = _count_all(sizes, counts)
    if distribution is not None:
        sums, chances = distribution
        return PermutationTest(min(1.0, float(chances[np.abs(sums) >= reach].sum())), exact=True)
    sums = _sample(sizes, counts, n_resamples, np.random.default_rng(seed))
    hits = int((np.abs(sums) >= reach).sum())
    return PermutationTest((1 + hits) / (1 + n_resamples), exact=False)


def _count_all(sizes: Floats, counts: NDArray[np.intp]) -> tuple[Floats, Floats] | None:
    """Return all possible sums with their probabilities, or None if there are too many."""
    sums: Floats = np.zeros(1)
    chances: Floats = np.ones(1)
    # Convolve the binomial distributions of the sizes; equal sums are merged after each.
    for group in np.argsort(counts, kind="stable"):
        size, count = float(sizes[group]), int(counts[group])
        if count > _MAX_EQUAL or len(sums) * (count + 1) > _MAX_SUMS:
            return None
        steps = size * np.arange(-count, count + 1, 2, dtype=np.float64)
        weights = np.array([comb(count, positive) / 2**count for positive in range(count + 1)])
        all_sums: Floats = np.add.outer(sums, steps).ravel().round(_DECIMALS)
        sums, where = np.unique(all_sums, return_inverse=True)
        merged = np.bincount(where.ravel(), weights=np.outer(chances, weights).ravel())
        chances = merged.astype(np.float64)
    return sums, chances


def _sample(
    sizes: Floats, counts: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
) -> Floats:
    # One binomial draw per size replaces a sign per difference.
    if len(sizes) <= _MAX_GROUPS:
        positive = rng.binomial(counts, 0.5, size=(n_resamples, len(sizes)))
        sums: Floats = (2 * positive - counts) @ sizes
        return sums
    magnitudes = np.repeat(sizes, counts)
    sums = np.empty(n_resamples)
    step = max(1, _CHUNK_CELLS // len(magnitudes))
    for start in range(0, n_resamples, step):
        stop = min(start + step, n_resamples)
        flips = rng.integers(0, 2, size=(stop - start, len(magnitudes)), dtype=np.int8)
        sums[start:stop] = 2 * (flips @ magnitudes) - magnitudes.sum()
    return sums
