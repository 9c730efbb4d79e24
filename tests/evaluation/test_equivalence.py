"""Non-inferiority and equivalence."""

import numpy as np
import pytest

from llmexam.errors import SettingsError
from llmexam.evaluation.equivalence import items_needed, judge_equivalence
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.results import Estimate

BOUNDS = (-1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "verdict"),
    [
        (-0.01, 0.01, True, "equivalent"),
        (-0.01, 0.05, True, "not worse"),
        (0.03, 0.05, True, "not worse"),
        (-0.05, -0.03, True, "worse"),
        (-0.05, 0.01, True, "undecided"),
        (-0.05, 0.05, True, "undecided"),
        # For a loss, lower values are better.
        (-0.05, -0.03, False, "not worse"),
        (0.03, 0.05, False, "worse"),
        (-0.02, 0.0, True, "undecided"),
    ],
)
def test_the_interval_decides(low, high, higher_is_better, verdict):
    interval = Estimate(value=(low + high) / 2, low=low, high=high)
    found = judge_equivalence(interval, 0.02, sd=0.3, higher_is_better=higher_is_better, alpha=0.05)
    assert found.verdict == verdict


def test_items_needed_by_hand():
    # (1.6449 + 0.8416)^2 * (0.3 / 0.02)^2 and (1.6449 + 1.2816)^2 * (0.3 / 0.02)^2.
    assert items_needed(0.3, 0.02) == 1392
    assert items_needed(0.3, 0.02, two_sided=True) == 1927
    assert items_needed(0.3, 0.04) == pytest.approx(1392 / 4, abs=1)


def test_results_that_never_differ_are_equivalent_only_on_enough_items():
    few, many = (
        Resampling(margin=0.02).equivalence(np.zeros(n), BOUNDS, higher_is_better=True)
        for n in (100, 200)
    )
    assert (few.verdict, many.verdict) == ("undecided", "equivalent")
    assert many.interval.high == pytest.approx(1 - 0.05 ** (1 / 200))
    needed = few.n_for_not_worse
    assert 1 - 0.05 ** (1 / needed) <= 0.02 < 1 - 0.05 ** (1 / (needed - 1))


def test_the_interval_is_that_of_two_one_sided_tests_and_honours_clusters():
    rng = np.random.default_rng(0)
    one_each = rng.choice([-0.5, 0.0, 0.5], p=[0.05, 0.9, 0.05], size=100)
    differences = np.repeat(one_each, 6)
    plain = Resampling(margin=0.03)
    alone = plain.equivalence(differences, BOUNDS, higher_is_better=True)
    (inner,) = Resampling(level=0.9).intervals(differences[:, None], [BOUNDS])
    assert alone.interval.low == pytest.approx(inner.low)
    clustered = Resampling(margin=0.03, clusters=np.repeat(np.arange(100), 6))
    together = clustered.equivalence(differences, BOUNDS, higher_is_better=True)
    ratio = together.n_for_not_worse / alone.n_for_not_worse
    assert ratio == pytest.approx(6, rel=0.03)
    assert (alone.verdict, together.verdict) == ("equivalent", "not worse")
    assert Resampling().equivalence(differences, BOUNDS, higher_is_better=True) is None


def test_a_true_difference_at_the_margin_is_rarely_called_equivalent():
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        # Mean difference -0.1, exactly the margin.
        values = rng.choice([-1.0, 0.0, 1.0], p=[0.2, 0.7, 0.1], size=150)
        found = Resampling(400, seed, margin=0.1).equivalence(values, BOUNDS, higher_is_better=True)
        hits += found.verdict in ("equivalent", "not worse")
    # 5 % of 200, with three binomial standard errors.
    assert hits <= 10 + 10


def test_a_level_without_a_one_sided_test_is_an_error():
    resampling = Resampling(level=0.5, margin=0.02)

    with pytest.raises(SettingsError, match=r"above 0\.5 for tests with a margin"):
        resampling.equivalence(np.array([0.0, 1.0]), BOUNDS, higher_is_better=True)
