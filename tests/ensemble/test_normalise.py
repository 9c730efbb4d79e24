import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.ensemble.normalise import log_softmax, ranks, z_scores
from llmexam.evaluation.calibration import softmax
from llmexam.exam.scores import ScoreMatrix

ROWS = st.lists(
    st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=6), min_size=1, max_size=6
)


def matrix(rows):
    return ScoreMatrix.from_rows([f"q{i}" for i in range(len(rows))], rows)


def test_z_scores_by_hand():
    found = z_scores(matrix([[1, 2, 3], [0, 4]]))
    assert found[0] == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])
    assert found[1].tolist() == [-1, 1, 0]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.floats(0.125, 64), st.integers(-100, 100))
def test_z_scores_do_not_know_scale_or_shift(rows, scale, shift):
    moved = matrix([[scale * value + shift for value in row] for row in rows])
    assert z_scores(moved) == pytest.approx(z_scores(matrix(rows)), abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_z_scores_have_mean_0_and_sd_1_or_are_all_0(rows):
    scores = matrix(rows)
    for row, present in zip(z_scores(scores), scores.present, strict=True):
        assert row[present].mean() == pytest.approx(0, abs=1e-9)
        assert row[present].std() == pytest.approx(1) or not row.any()


@pytest.mark.parametrize("value", [0.1, 1e-30, 3e38, -7.0])
def test_a_question_with_one_score_for_all_has_no_say(value):
    assert z_scores(matrix([[value] * 3, [1, 2, 3]]))[0].tolist() == [0, 0, 0]


def test_log_softmax_is_the_log_of_softmax():
    scores = matrix([[0.5, -1.0, 3.0], [2.0, 2.0]])
    found = np.where(scores.present, np.exp(log_softmax(scores, 0.7)), 0)
    assert found == pytest.approx(softmax(scores, 0.7))


def test_log_softmax_tells_apart_what_softmax_cannot():
    found = log_softmax(matrix([[2000.0, 10.0, 5.0]]))[0]
    assert found[1] > found[2]
    assert np.isfinite(found).all()


def test_ranks_by_hand():
    found = ranks(matrix([[3, 9, 9, 1], [5, 5], [1, 2, 3]]))
    assert found.tolist() == [[3, 1.5, 1.5, 4], [1.5, 1.5, 0, 0], [3, 2, 1, 0]]


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_ranks_of_a_question_add_up(rows):
    for row, given_row in zip(ranks(matrix(rows)), rows, strict=True):
        n = len(given_row)
        assert row.sum() == pytest.approx(n * (n + 1) / 2)


def test_no_questions_give_no_points():
    for normalise in (z_scores, log_softmax, ranks):
        assert normalise(matrix([])).shape == (0, 0)
