from itertools import permutations

import numpy as np
import pytest

from llmexam.evaluation.items.discrimination import (
    MOST_COUNTED,
    effective_raters,
    negative_p_values,
    point_biserial,
    rest_scores,
    smallest_p_value,
)

# Five solvers of rising ability on six items; the last item is right for the weak ones only.
LADDER = np.array(
    [
        [0, 0, 0, 0, 0, 1],
        [1, 0, 0, 0, 0, 1],
        [1, 1, 0, 0, 0, 1],
        [1, 1, 1, 0, 1, 0],
        [1, 1, 1, 1, 1, 0],
    ],
    dtype=float,
)


def test_the_correlation_leaves_the_item_itself_out():
    found = point_biserial(LADDER, rest_scores(LADDER))
    for item in range(6):
        others = np.delete(LADDER, item, axis=1).mean(axis=1)
        assert found[item] == pytest.approx(np.corrcoef(LADDER[:, item], others)[0, 1])
    assert found[5] < 0 < found[2]


def test_items_that_all_or_none_answer_have_no_discrimination():
    right = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1.0]])
    found = point_biserial(right, rest_scores(right))
    assert np.isnan(found[:2]).all()
    assert negative_p_values(right, rest_scores(right))[:2].tolist() == [1, 1]


def test_p_values_count_all_arrangements():
    rest = rest_scores(LADDER)
    found = negative_p_values(LADDER, rest)
    for item in range(6):
        observed = LADDER[:, item] @ rest[:, item]
        every = [
            np.array(one) @ rest[:, item] for one in set(permutations(LADDER[:, item].tolist()))
        ]
        expected = np.mean([value <= observed + 1e-9 for value in every])
        assert found[item] == pytest.approx(expected)
    # Three of five solvers: ten arrangements, of which this is the lowest.
    assert found[5] == pytest.approx(1 / 10)


def test_drawn_arrangements_agree_with_the_null_hypothesis():
    rng = np.random.default_rng(0)
    right = (rng.random((30, 200)) < rng.random((30, 1))).astype(float)
    right[:, 0] = (right.mean(axis=1) < np.median(right.mean(axis=1))).astype(float)
    found = negative_p_values(right, rest_scores(right), seed=1)
    assert found[0] == pytest.approx(1 / (1 + MOST_COUNTED))
    assert np.array_equal(found, negative_p_values(right, rest_scores(right), seed=1))


def test_p_values_are_uniform_when_ability_does_not_matter():
    rng = np.random.default_rng(3)
    right = (rng.random((9, 3000)) < 0.5).astype(float)
    found = negative_p_values(right, rest_scores(right))
    assert (found <= 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_the_smallest_p_value_is_reached_and_not_undercut():
    assert smallest_p_value(2) == 0.5
    assert smallest_p_value(10) == pytest.approx(1 / 252)
    found = negative_p_values(LADDER, rest_scores(LADDER))
    assert found.min() >= smallest_p_value(5) - 1e-12


def test_copies_of_a_solver_are_worth_one():
    rng = np.random.default_rng(0)
    one = (rng.random((1, 500)) < 0.5).astype(float)
    assert effective_raters(np.repeat(one, 8, axis=0)) == pytest.approx(1.0)
    independent = (rng.random((8, 5000)) < 0.5).astype(float)
    assert effective_raters(independent) == pytest.approx(8, abs=0.6)
