"""Coverage of the intervals on small exams, by simulation."""

import numpy as np
import pytest

from llmexam.evaluation.bootstrap import mean_intervals

VALUES = np.array([0, 1 / 3, 1 / 2, 1])
CHANCES = (0.05, 0.15, 0.2, 0.6)
MEAN = 0.75
N_EXAMS = 600


def coverage(n, size, **options):
    """Return how often the interval contains the mean, for clusters that correlate by 0.3."""
    hits = 0
    for seed in range(N_EXAMS):
        rng = np.random.default_rng([seed, n, size])
        own = rng.choice(VALUES, size=n, p=CHANCES)
        shared = np.repeat(rng.choice(VALUES, size=n // size, p=CHANCES), size)
        values = np.where(rng.random(n) < 0.3**0.5, shared, own) if size > 1 else own
        (found,) = mean_intervals(values[:, None], n_resamples=1000, seed=seed, **options)
        hits += found.low <= MEAN <= found.high
    return hits / N_EXAMS


@pytest.mark.slow
@pytest.mark.parametrize(("n", "least"), [(20, 0.91), (50, 0.925), (100, 0.925)])
def test_independent_questions(n, least):
    assert least <= coverage(n, 1) <= 0.98


@pytest.mark.slow
def test_few_clusters_need_expanded_percentiles():
    clusters = np.repeat(np.arange(10), 5)
    expanded = coverage(50, 5, clusters=clusters)
    assert 0.925 <= expanded <= 0.98
    assert coverage(50, 5, clusters=clusters, method="percentile") < expanded
    assert coverage(50, 5) < 0.87
