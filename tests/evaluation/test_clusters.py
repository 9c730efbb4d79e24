"""Intervals and tests of items that form clusters."""

import numpy as np
import pytest

from llmexam.evaluation.bootstrap import cluster_sums, mean_intervals
from llmexam.evaluation.grading import Resampling

RNG = np.random.default_rng(0)


def test_sums_by_hand():
    values = np.array([[1.0, 2], [3, 4], [5, 6]])
    assert cluster_sums(values, np.array([7, 2, 7])).tolist() == [[3, 4], [6, 8]]


def test_repeated_items_in_clusters_add_no_certainty():
    values = RNG.random((40, 1))
    (alone,) = mean_intervals(values, n_resamples=4000)
    repeated, clusters = np.repeat(values, 9, axis=0), np.repeat(np.arange(40), 9)
    (wrong,) = mean_intervals(repeated, n_resamples=4000)
    (right,) = mean_intervals(repeated, n_resamples=4000, clusters=clusters)
    assert right.value == pytest.approx(alone.value)
    assert right.high - right.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert wrong.high - wrong.low < 0.5 * (right.high - right.low)


def test_the_interval_covers_the_mean_of_a_random_effects_model():
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(30), rng.integers(1, 9, size=30))
        values = rng.normal(size=30)[clusters] + rng.normal(size=len(clusters))
        (found,) = mean_intervals(
            values[:, None], n_resamples=400, bounds=(-np.inf, np.inf), clusters=clusters
        )
        hits += found.low <= 0 <= found.high
    # 95 % less what a bootstrap of 30 clusters lacks.
    assert 0.86 <= hits / 200 <= 0.98


def test_signs_of_clusters_are_flipped_together():
    differences = np.repeat([1.0, 1.0, 1.0], 10)
    clusters = np.repeat([0, 1, 2], 10)
    assert Resampling().test(differences).p_value < 1e-6
    assert Resampling(clusters=clusters).test(differences).p_value == 0.25


def test_slices_use_the_clusters_of_their_rows():
    clusters = np.array([0, 0, 1, 2, 3])
    values = RNG.random((5, 1))
    rows = np.array([0, 1, 2])
    part = Resampling(200, clusters=clusters).intervals(values[rows], rows=rows)
    alone = Resampling(200, clusters=clusters[rows]).intervals(values[rows])
    assert part == alone
