import numpy as np
import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.bootstrap import (
    mean_intervals,
    minimum_detectable_difference,
    resample_means,
    spread,
    wilson_interval,
)


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_resampling_a_coin_has_the_binomial_spread():
    coin = column(*([0] * 60 + [1] * 40))
    means = resample_means(coin, 20_000, np.random.default_rng(1))[:, 0]
    assert means.mean() == pytest.approx(0.4, abs=0.002)
    assert means.std() == pytest.approx(np.sqrt(0.4 * 0.6 / 100), rel=0.03)


def test_grouped_and_one_by_one_resampling_agree():
    rng = np.random.default_rng(2)
    # 300 different values take the second way; rounded to thirds they take the first.
    exact = rng.random(300)
    ungrouped = resample_means(exact[:, None], 4000, np.random.default_rng(3))[:, 0]
    grouped = resample_means(np.round(exact * 40)[:, None] / 40, 4000, np.random.default_rng(3))
    assert ungrouped.shape == grouped[:, 0].shape
    assert ungrouped.mean() == pytest.approx(exact.mean(), abs=0.002)
    assert ungrouped.std() == pytest.approx(exact.std() / np.sqrt(300), rel=0.05)
    assert grouped.std() == pytest.approx(ungrouped.std(), rel=0.05)


def test_columns_are_resampled_together():
    first = np.random.default_rng(4).integers(0, 2, 50).astype(float)
    means = resample_means(np.stack([first, 1 - first], axis=1), 500, np.random.default_rng(5))
    assert means.sum(axis=1) == pytest.approx(np.ones(500))


def test_interval_of_a_coin_is_near_the_normal_one():
    (found,) = mean_intervals(column(*([0] * 200 + [1] * 200)))
    half = 1.96 * 0.5 / np.sqrt(400)
    assert found.value == 0.5
    assert found.low == pytest.approx(0.5 - half, abs=0.005)
    assert found.high == pytest.approx(0.5 + half, abs=0.005)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(6)
    covered = 0
    for seed in range(400):
        sample = rng.choice([0, 1 / 3, 1 / 2, 1], p=[0.1, 0.1, 0.2, 0.6], size=150)
        (found,) = mean_intervals(sample[:, None], n_resamples=1000, seed=seed)
        covered += found.low <= 1 / 30 + 0.1 + 0.6 <= found.high
    assert 0.91 <= covered / 400 <= 0.98


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_same_seed_same_interval(method):
    values = column(0, 1, 1, 1, 0.5, 1 / 3, 1, 0, 1, 1, 1, 1)
    one, two = (mean_intervals(values, seed=3, method=method)[0] for _ in range(2))
    assert one == two
    other = mean_intervals(values, seed=3, method=method, level=0.5)[0]
    assert one.low < other.low < other.high < one.high


def test_bca_moves_towards_the_long_tail():
    values = column(*([1.0] * 95 + [0.0] * 5))
    (plain,) = mean_intervals(values)
    (corrected,) = mean_intervals(values, method="bca")
    assert corrected.low < plain.low
    assert corrected.value == plain.value


def test_ten_right_answers_of_ten_still_leave_doubt():
    (found,) = mean_intervals(column(*[1.0] * 10))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.7225, abs=1e-4)


def test_one_question_tells_next_to_nothing():
    (found,) = mean_intervals(column(1.0))
    assert found.low < 0.25
    (none,) = mean_intervals(column(0.0))
    assert none.high > 0.75


def test_small_samples_are_widened_within_their_bounds():
    values = column(1, 0, 1, 1)
    (found,) = mean_intervals(values)
    low, high = wilson_interval(0.75, 4)
    assert found.low <= low
    assert found.high >= high
    (signed,) = mean_intervals(column(1, -1, 1, 1), bounds=(-1.0, 1.0))
    assert -1 <= signed.low < 0 < signed.high <= 1


def test_wilson_of_8_in_10():
    # p = 0.8, n = 10, z = 1.96: centre (0.8 + 0.192) / 1.384, half-width 0.2264 (by hand).
    low, high = wilson_interval(0.8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)


def test_what_cannot_be_is_refused():
    with pytest.raises(ExamError, match="no questions"):
        mean_intervals(np.zeros((0, 1)))
    with pytest.raises(SettingsError, match="got 95"):
        mean_intervals(column(1, 0), level=95)
    with pytest.raises(SettingsError, match="n_resamples of at least 1, got 0"):
        mean_intervals(column(1, 0), n_resamples=0)


def test_minimum_detectable_difference_has_its_power():
    # Draw differences of exactly that mean: a z test should find it in about 80 of 100 cases.
    n, sd = 400, 0.5
    delta = minimum_detectable_difference(sd, n)
    assert delta == pytest.approx((1.959964 + 0.841621) * sd / 20, rel=1e-6)
    draws = np.random.default_rng(7).normal(delta, sd, size=(4000, n))
    found = np.abs(draws.mean(axis=1)) > 1.959964 * sd / np.sqrt(n)
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_spread_of_equal_values_is_unknown_rather_than_none():
    assert spread(np.array([0.0, 1.0])) == pytest.approx(np.sqrt(0.5))
    assert spread(np.ones(4)) > 0
    assert spread(np.ones(1000)) < spread(np.ones(10))


def test_items_of_one_cluster_count_as_one():
    rng = np.random.default_rng(0)
    per_cluster = rng.normal(0.5, 0.1, 400)
    values, clusters = np.repeat(per_cluster, 9), np.repeat(np.arange(400), 9)
    # The mean of 400 independent clusters, however many equal items each has.
    error = spread(values, clusters=clusters) / np.sqrt(len(values))
    assert error == pytest.approx(per_cluster.std(ddof=1) / 20)
    assert spread(per_cluster, clusters=np.arange(400)) == pytest.approx(per_cluster.std(ddof=1))
