"""Settings of confidence intervals and paired tests, with the clusters of the items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import SettingsError
from llmexam.evaluation.bootstrap import cluster_sums, mean_intervals, spread, standard_error
from llmexam.evaluation.clusters import Clusters
from llmexam.evaluation.equivalence import judge_equivalence, judge_identical
from llmexam.evaluation.permutation import PermutationTest, paired_permutation_test
from llmexam.evaluation.results import ClusterInfo, Equivalence, Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resampling:
    """Settings of confidence intervals.

    Attributes:
        n_resamples: Bootstrap resamples, and sampled sign flips if there are too many to count.
        seed: Seed of both.
        level: Level of the intervals.
        clusters: Number of each item's cluster, if items are not independent; whole clusters are
            then resampled, and their signs flipped.
        cluster_by: Criterion of the clusters, for display.
        margin: Difference that does not matter, for comparisons; None for no equivalence test.
    """

    n_resamples: int = 10_000
    seed: int = 0
    level: float = 0.95
    clusters: NDArray[np.int64] | None = field(default=None, compare=False)
    cluster_by: str = ""
    margin: float | None = None

    def by_clusters(self, clusters: Clusters | None) -> Self:
        """Return these settings with clusters, if there are any."""
        if clusters is None:
            return self
        return replace(self, clusters=clusters.numbers, cluster_by=clusters.by)

    def intervals(
        self,
        values: Floats,
        bounds: Sequence[tuple[float, float]] = ((0.0, 1.0),),
        rows: NDArray[np.intp] | None = None,
    ) -> list[Estimate]:
        """Return the mean of each column of values with its interval.

        Args:
            values: One row per item, shape `[n_items, n_columns]`.
            bounds: Smallest and largest possible value of each column.
            rows: Indices of the items that the values belong to; all by default.
        """
        clusters = self.clusters
        if clusters is not None and rows is not None:
            clusters = clusters[rows]
        return mean_intervals(
            values,
            n_resamples=self.n_resamples,
            seed=self.seed,
            level=self.level,
            bounds=bounds,
            clusters=clusters,
        )

    def test(self, differences: Floats) -> PermutationTest:
        """Return the paired permutation test of differences, shape `[n_items]`."""
        if self.clusters is not None:
            differences = cluster_sums(differences[:, None], self.clusters)[:, 0]
        return paired_permutation_test(differences, n_resamples=self.n_resamples, seed=self.seed)

    def cluster_info(self, values: Floats) -> ClusterInfo | None:
        """Return the clusters with the design effect of the mean of values; None without clusters.

        Args:
            values: One value per item, shape `[n_items]`.
        """
        if self.clusters is None:
            return None
        _, sizes = np.unique(self.clusters, return_counts=True)
        effect = None
        if len(sizes) > 1 and values.min() < values.max():
            effect = (standard_error(values, self.clusters) / standard_error(values)) ** 2
        return ClusterInfo(
            by=self.cluster_by,
            n_clusters=len(sizes),
            largest=int(sizes.max()),
            design_effect=effect,
        )

    def equivalence(
        self, differences: Floats, bounds: tuple[float, float], *, higher_is_better: bool
    ) -> Equivalence | None:
        """Return whether differences are within the margin; None without a margin.

        Args:
            differences: Differences a - b, one per item.
            bounds: Smallest and largest possible difference of an item.
            higher_is_better: Whether larger values of the metric are better.

        Raises:
            SettingsError: The level of the intervals is 0.5 or less.
        """
        if self.margin is None:
            return None
        alpha = 1 - self.level
        if alpha >= 0.5:
            raise SettingsError(
                f"expected a level above 0.5 for tests with a margin, got {self.level}",
                hint="The usual value is 0.95",
            )
        if differences.any():
            # Each one-sided test has level alpha, so both ends together leave out twice as much.
            inner = replace(self, level=1 - 2 * alpha)
            (interval,) = inner.intervals(differences[:, None], [bounds])
        else:
            n = len(differences) if self.clusters is None else len(np.unique(self.clusters))
            return judge_identical(n, self.margin, alpha=alpha, reach=bounds[1])
        return judge_equivalence(
            interval,
            self.margin,
            sd=spread(differences, bounds, self.clusters),
            higher_is_better=higher_is_better,
            alpha=alpha,
        )
