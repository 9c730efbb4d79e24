import math

import numpy as np
import pytest

from llmexam.evaluation.metrics import MAPAtK
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.training.ranker.conditional_logit import (
    Choices,
    choice_loss,
    choice_values,
    fit_logit,
    logit_loss,
    minimise,
    telling_columns,
)


def table_of(rows, names):
    return OptionRows(tuple(names), tuple(rows), tuple(np.arange(len(r)) for r in rows))


def test_loss_and_slope_worked_by_hand():
    """Two questions, one column, weight ln 2.

    First: rows 1 and 0, right is the first. Odds 2 : 1, chances 2/3 and 1/3: loss -ln(2/3), slope
    2/3 * 1 - 1 = -1/3. Second: rows 0, 1, 2, right is the second. Odds 1 : 2 : 4, chances 1/7,
    2/7, 4/7: loss -ln(2/7), slope 2/7 + 8/7 - 1 = 3/7. The ridge adds 3 / (2 * 2) w^2, whose
    slope is 3 w / 2.
    """
    choices = Choices.join([np.array([[1.0], [0.0]]), np.array([[0.0], [1.0], [2.0]])], [0, 1])
    weight = math.log(2)
    loss, slope = logit_loss(np.array([weight]), choices, 3.0)
    by_hand = (-math.log(2 / 3) - math.log(2 / 7)) / 2 + 3 / 4 * weight**2
    assert loss == pytest.approx(by_hand)
    assert slope == pytest.approx([(-1 / 3 + 3 / 7) / 2 + 3 * weight / 2])


def test_slope_is_that_of_the_loss():
    choices, _ = drawn(60, (1.0, -0.5, 0.0))
    weights, h = np.array([0.3, -0.2, 0.8]), 1e-6
    slope = logit_loss(weights, choices, 2.0)[1]
    for i in range(3):
        step = np.eye(3)[i] * h
        above, below = (logit_loss(weights + s, choices, 2.0)[0] for s in (step, -step))
        assert (above - below) / (2 * h) == pytest.approx(slope[i], abs=1e-7)


def drawn(n, weights, seed=0):
    """Questions whose right options are drawn by a logit with these weights."""
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(int(rng.integers(2, 6)), len(weights))) for _ in range(n)]
    right = []
    for part in rows:
        odds = np.exp(part @ weights)
        right.append(int(rng.choice(len(part), p=odds / odds.sum())))
    return Choices.join(rows, right), (rows, right)


def test_known_weights_are_found():
    choices, _ = drawn(6000, (1.0, -0.5, 0.0))
    found = minimise(choices, 1.0)
    # Four standard errors of about 0.025.
    assert found == pytest.approx([1.0, -0.5, 0.0], abs=0.1)


def test_a_stronger_ridge_gives_smaller_weights():
    choices, _ = drawn(200, (1.0, -0.5, 0.0))
    sizes = [float(np.abs(minimise(choices, ridge)).sum()) for ridge in (1.0, 30.0, 1000.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_certain_questions_keep_weights_finite():
    rows = [np.array([[1.0], [0.0]])] * 20
    assert 0 < minimise(Choices.join(rows, [0] * 20), 1.0)[0] < 10


def test_columns_that_say_the_same_or_nothing_are_left_out():
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(30):
        own = rng.normal(size=(4, 1))
        rows.append(np.hstack([own, own + 7.0, np.full((4, 1), 5.0), own**2, own]))
    names = ["m/score", "m/a", "n_options", "m/b", "m/z"]
    kept, scales = telling_columns(table_of(rows, names))
    # m.a is m.score up to a constant, n_options tells nothing apart, m.z is another scale.
    assert kept == ["m/score", "m/b"]
    assert (scales > 0).all()


def test_a_logit_is_in_units_of_spread():
    _, (rows, right) = drawn(500, (2.0,))
    plain = fit_logit(table_of(rows, ["m/score"]), right, 1.0)
    large = fit_logit(table_of([r * 1000 for r in rows], ["m/score"]), right, 1.0)
    assert large.weights == pytest.approx(plain.weights, rel=1e-4)
    assert large.scales == pytest.approx([s * 1000 for s in plain.scales])


def test_precisions_worked_by_hand():
    """The right option second; level with another behind one, so at 2.5; and fourth."""
    rows = [np.zeros((n, 1)) for n in (2, 3, 4)]
    choices = Choices.join(rows, [0, 2, 3])
    utilities = np.array([0, 1, 5, 2, 2, 3, 2, 1, 0], dtype=float)
    assert choice_values(utilities, choices, MAPAtK(3)) == pytest.approx([1 / 2, 1 / 2.5, 0])


def test_huge_utilities_have_a_finite_loss():
    choices, _ = drawn(5, (1.0,))
    loss, chances = choice_loss(choices.rows[:, 0] * 1e6, choices)
    assert np.isfinite(loss)
    assert np.isfinite(chances).all()
