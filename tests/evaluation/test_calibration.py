import numpy as np
import pytest

from llmexam.evaluation.calibration import (
    calibrate,
    fit_temperature,
    out_of_fold_probabilities,
    risk_coverage,
    softmax,
)
from llmexam.exam.scores import ScoreMatrix


def matrix(rows):
    return ScoreMatrix.from_rows([f"q{i}" for i in range(len(rows))], rows)


def draw(temperature, n=4000, n_options=5, seed=0):
    """Scores whose right options are drawn from softmax(scores / temperature)."""
    rng = np.random.default_rng(seed)
    scores = matrix(rng.normal(size=(n, n_options)) * 2)
    chances = softmax(scores, temperature)
    answers = (chances.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return scores, np.minimum(answers, n_options - 1)


def log_likelihood(scores, answers, temperature):
    chances = softmax(scores, temperature)
    return np.log(chances[np.arange(len(answers)), answers]).mean()


def test_softmax_by_hand():
    scores = matrix([[np.log(3), 0.0], [1.0, 1.0, 1.0]])
    found = softmax(scores)
    assert found[0] == pytest.approx([0.75, 0.25, 0.0])
    assert found[1] == pytest.approx([1 / 3] * 3)
    assert softmax(scores, 0.5)[0] == pytest.approx([0.9, 0.1, 0.0])
    assert softmax(scores, np.array([0.5, 2.0]))[0] == pytest.approx([0.9, 0.1, 0.0])


def test_softmax_of_huge_scores_and_tiny_temperatures_stays_finite():
    found = softmax(matrix([[3e38, -3e38], [1e-30, 0.0]]), 1e-8)
    assert found[0].tolist() == [1.0, 0.0]
    assert np.isfinite(found).all()
    assert softmax(matrix([])).shape == (0, 0)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_drew_the_answers_is_found(temperature):
    scores, answers = draw(temperature)
    assert fit_temperature(scores, answers) == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_no_other_temperature_is_more_likely(scale):
    scores, answers = draw(1.5, n=300, seed=1)
    scaled = matrix(scores.values * scale)
    fitted = fit_temperature(scaled, answers)
    best = log_likelihood(scaled, answers, fitted)
    for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
        assert log_likelihood(scaled, answers, fitted * factor) < best


def test_scores_that_say_nothing_get_temperature_1():
    assert fit_temperature(matrix(np.full((4, 5), 7.0)), np.array([0, 1, 2, 3])) == 1.0


def test_a_solver_that_is_always_right_or_always_wrong_gets_a_finite_temperature():
    scores = matrix([[2.0, 1.0], [5.0, 0.0]])
    sharp = fit_temperature(scores, np.array([0, 0]))
    flat = fit_temperature(scores, np.array([1, 1]))
    assert 0 < sharp < 1 < flat < np.inf
    assert softmax(scores, sharp)[:, 0] == pytest.approx([1, 1], abs=1e-6)
    assert softmax(scores, flat)[:, 0] == pytest.approx([0.5, 0.5], abs=0.01)


def test_questions_of_different_length_are_fitted_together():
    scores, answers = draw(1.0, n=2000, seed=2)
    rows = [row[:3] if i % 2 else row for i, row in enumerate(scores.values)]
    kept = np.array([i % 2 == 0 or answers[i] < 3 for i in range(len(rows))])
    mixed = matrix([row for row, keep in zip(rows, kept, strict=True) if keep])
    assert fit_temperature(mixed, answers[kept]) == pytest.approx(1.0, rel=0.15)


def test_out_of_fold_probabilities_do_not_know_their_own_answer():
    scores, answers = draw(1.0, n=40, seed=3)
    before = out_of_fold_probabilities(scores, answers)
    changed = answers.copy()
    changed[7] = (changed[7] + 1) % 5
    after = out_of_fold_probabilities(scores, changed)
    assert after[7].tolist() == before[7].tolist()
    # Others were fitted with question 7 and do move.
    assert (after != before).any()


def test_one_question_has_no_fold_to_learn_from():
    scores = matrix([[1.0, 0.0]])
    found = out_of_fold_probabilities(scores, np.array([0]))
    assert found.tolist() == softmax(scores).tolist()


def test_calibration_by_hand():
    scores = matrix([[1, 0], [1, 0], [1, 0], [1, 0]])
    answers = np.array([0, 0, 0, 1])
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    found = calibrate(scores, answers, chances, n_bins=5)
    assert [(b.low, b.high, b.n) for b in found.bins] == [(0.4, 0.6, 2), (0.8, 1.0, 2)]
    assert found.bins[0].confidence == pytest.approx(0.6)
    assert found.bins[0].accuracy == 0.5
    # (2 * |0.6 - 0.5| + 2 * |0.9 - 1|) / 4
    assert found.ece == pytest.approx(0.1)
    # (2 * 0.02 + 0.32 + 0.72) / 4
    assert found.brier == pytest.approx(0.27)


def test_drawn_answers_are_well_calibrated_and_shuffled_ones_are_not():
    scores, answers = draw(1.0, seed=4)
    good = calibrate(scores, answers, softmax(scores, 1.0))
    assert good.ece < 0.03
    bad = calibrate(scores, np.random.default_rng(0).permutation(answers), softmax(scores, 1.0))
    assert bad.ece > 0.3
    assert sum(b.n for b in good.bins) == len(scores)


def test_certainty_of_0_and_1_fall_into_the_outer_bins():
    scores = matrix([[1, 0]])
    sure = calibrate(scores, np.array([0]), np.array([[1.0, 0.0]]))
    assert (sure.bins[0].low, sure.bins[0].high) == (pytest.approx(14 / 15), 1.0)
    never = calibrate(scores, np.array([0]), np.array([[0.0, 1.0]]))
    assert never.bins[0].low == 0.0


def test_risk_coverage_by_hand():
    scores = matrix([[1, 0]] * 4)
    answers = np.array([0, 1, 0, 1])
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    curve = risk_coverage(scores, answers, chances, n_points=4)
    assert [point.coverage for point in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [point.risk for point in curve] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])


def test_equal_confidence_gives_a_flat_curve_in_any_order():
    scores = matrix([[1, 0]] * 6)
    chances = np.full((6, 2), 0.5)
    for answers in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]):
        curve = risk_coverage(scores, np.array(answers), chances)
        assert [point.risk for point in curve] == pytest.approx([0.5] * 6)
