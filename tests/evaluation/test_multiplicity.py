"""Adjusted p values."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.errors import SettingsError
from llmexam.evaluation.multiplicity import WITH_FINAL, adjust, benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand():
    # Sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1; the last is raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand():
    # Sorted: 0.005 * 4 / 1, 0.01 * 4 / 2, 0.03 * 4 / 3, 0.04 * 4 / 4.
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_example_of_benjamini_and_hochberg():
    # The 15 p values of their paper (1995, section 3): at 5 % Holm rejects 3, BH 4.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert sum(one <= 0.05 for one in holm(p)) == 3
    assert sum(one <= 0.05 for one in benjamini_hochberg(p)) == 4


@pytest.mark.parametrize("method", [holm, benjamini_hochberg])
@given(p=P_VALUES, seed=st.integers(0, 1000))
def test_adjusted_values_are_bounded_monotone_and_do_not_depend_on_the_order(method, p, seed):
    adjusted = np.array(method(p))
    assert (adjusted >= np.array(p) - 1e-12).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    order = np.random.default_rng(seed).permutation(len(p))
    assert method([p[i] for i in order]) == pytest.approx(adjusted[order].tolist())


@given(p=P_VALUES)
def test_benjamini_hochberg_is_between_the_raw_values_and_holm(p):
    assert (np.array(benjamini_hochberg(p)) <= np.array(holm(p)) + 1e-12).all()


def test_nothing_and_wrong_values():
    assert (holm([]), benjamini_hochberg([])) == ([], [])
    with pytest.raises(SettingsError, match="between 0 and 1"):
        holm([0.1, float("nan")])


def test_a_single_comparison_is_not_adjusted():
    one = SimpleNamespace(p_value=0.01)
    assert adjust([one], WITH_FINAL) == (one,)
