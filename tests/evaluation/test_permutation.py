from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import SettingsError
from llmexam.evaluation.permutation import paired_permutation_test

EARNED = [0.0, 1 / 3, 1 / 2, 1.0]


def by_enumeration(differences):
    signs = np.array(list(product([-1, 1], repeat=len(differences))))
    sums = np.abs(signs @ np.abs(differences))
    return float((sums >= abs(differences.sum()) - 1e-9).mean())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(EARNED), st.sampled_from(EARNED)), min_size=1, max_size=10)
)
def test_counting_by_size_equals_enumerating_all_sign_flips(pairs):
    differences = np.array([a - b for a, b in pairs])
    found = paired_permutation_test(differences)
    assert found.exact
    assert found.p_value == pytest.approx(by_enumeration(differences))


def test_twenty_different_sizes_are_still_counted():
    differences = np.arange(1, 21) / 20
    found = paired_permutation_test(differences)
    assert found.exact
    assert found.p_value == pytest.approx(2 / 2**20)


def test_no_difference_is_no_surprise():
    assert paired_permutation_test(np.zeros(5)).p_value == 1.0
    assert paired_permutation_test(np.zeros(0)).p_value == 1.0
    assert paired_permutation_test(np.array([1.0, -1.0])).p_value == 1.0


def test_direction_and_zeros_do_not_matter():
    differences = np.array([1, 1, 0.5, -0.5, 1 / 3, 1, 1])
    p = paired_permutation_test(differences).p_value
    assert paired_permutation_test(-differences).p_value == p
    assert paired_permutation_test(np.append(differences, np.zeros(50))).p_value == p


def test_hundreds_of_map_differences_are_counted():
    rng = np.random.default_rng(0)
    differences = rng.choice(EARNED, 200) - rng.choice(EARNED, 200)
    found = paired_permutation_test(differences)
    assert found.exact
    assert 0 < found.p_value < 1


def test_sampling_agrees_with_the_normal_approximation():
    rng = np.random.default_rng(1)
    differences = np.append(rng.choice([1.0, -1.0], 3000, p=[0.52, 0.48]), 0.0)
    found = paired_permutation_test(differences, n_resamples=20_000)
    assert not found.exact
    z = abs(differences.sum()) / np.sqrt((differences**2).sum())
    from statistics import NormalDist

    assert found.p_value == pytest.approx(2 * (1 - NormalDist().cdf(z)), abs=0.012)


def test_continuous_differences_are_sampled_one_by_one():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=400)
    found = paired_permutation_test(noise - noise.mean(), n_resamples=500, seed=1)
    assert not found.exact
    assert found.p_value > 0.9
    shifted = paired_permutation_test(noise + 1, n_resamples=500, seed=1)
    # Never 0: the flips that were not drawn could be as far out.
    assert shifted.p_value == pytest.approx(1 / 501)


def test_sampling_is_the_same_for_a_seed():
    noise = np.random.default_rng(3).normal(size=300)
    one, two = (paired_permutation_test(noise, n_resamples=200, seed=5) for _ in range(2))
    assert one == two


def test_p_values_are_even_when_nothing_differs():
    rng = np.random.default_rng(4)
    p = [paired_permutation_test(rng.choice([-1, 0, 1, 0.5, -0.5], 60)).p_value for _ in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.09
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_no_resamples_is_refused():
    with pytest.raises(SettingsError):
        paired_permutation_test(np.ones(3), n_resamples=0)
