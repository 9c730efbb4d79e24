import numpy as np
import pytest

from llmexam.errors import ScoreError
from llmexam.exam.scores import ScoreMatrix

RAGGED = ScoreMatrix.from_rows(["a", "b"], [[1, 3, 2], [5, 4]], [False, True])


def test_shorter_questions_lack_options():
    assert RAGGED.values.dtype == np.float32
    assert RAGGED.values.tolist() == [[1, 3, 2], [5, 4, 0]]
    assert RAGGED.present.tolist() == [[True] * 3, [True, True, False]]
    assert RAGGED.n_options.tolist() == [3, 2]
    assert [row.tolist() for row in RAGGED.rows()] == [[1, 3, 2], [5, 4]]
    assert RAGGED.truncated.tolist() == [False, True]
    assert ScoreMatrix.from_rows(["a"], [[1, 2]]).truncated.tolist() == [False]


def test_an_empty_matrix_is_a_matrix():
    empty = ScoreMatrix.from_rows([], [])
    assert len(empty) == 0
    assert empty.values.shape == (0, 0)
    assert empty.ranking.shape == (0, 0)
    assert ScoreMatrix.concatenate([]).rows() == []


@pytest.mark.parametrize(
    ("ids", "shape", "present", "truncated", "message"),
    [
        (2, (1, 2), (1, 2), 1, r"shape \(1, 2\).*for 2 questions"),
        (1, (1, 2), (1, 3), 1, r"presence \(1, 3\)"),
        (1, (2,), (2,), 1, r"shape \(2,\)"),
        (1, (1, 2), (1, 2), 2, r"expected truncated of shape \(1,\), got \(2,\)"),
    ],
)
def test_shapes_must_fit(ids, shape, present, truncated, message):
    with pytest.raises(ScoreError, match=message):
        ScoreMatrix(
            tuple(str(i) for i in range(ids)),
            np.zeros(shape, np.float32),
            np.ones(present, bool),
            np.zeros(truncated, bool),
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_named(value):
    with pytest.raises(
        ScoreError, match=r"question 'b', option B: expected a finite score, got -?(nan|inf)"
    ):
        ScoreMatrix.from_rows(["a", "b"], [[1, 2], [3, value]])


def test_values_of_absent_options_do_not_matter():
    values = np.array([[1, np.nan]], np.float32)
    matrix = ScoreMatrix(("a",), values, np.array([[True, False]]), np.zeros(1, bool))
    assert matrix.ranking.tolist() == [[0, -1]]


def test_the_ranking_puts_the_best_first_and_absent_options_last():
    assert RAGGED.ranking.tolist() == [[1, 2, 0], [0, 1, -1]]
    negative = ScoreMatrix.from_rows(["a", "b"], [[-3, -1], [-1, -2, -3]])
    assert negative.ranking.tolist() == [[1, 0, -1], [0, 1, 2]]


def test_ties_are_broken_by_the_id_the_same_way_in_every_run():
    tied = ScoreMatrix.from_rows(["a", "c"], [[1, 1, 1, 2], [1, 1, 1, 2]])
    assert tied.ranking.tolist() == [[3, 0, 1, 2], [3, 2, 0, 1]]
    alone = ScoreMatrix.from_rows(["c"], [[1, 1, 1, 2]])
    assert alone.ranking.tolist() == [[3, 2, 0, 1]]


def test_ties_favour_no_position():
    n = 4000
    tied = ScoreMatrix.from_rows([f"question {i}" for i in range(n)], [[0.0] * 4] * n)
    counts = np.bincount(tied.ranking[:, 0], minlength=4)
    # Four standard deviations of a fair draw.
    assert np.all(np.abs(counts - n / 4) < 4 * np.sqrt(n * 0.25 * 0.75))


def test_parts_are_put_together_in_order():
    whole = ScoreMatrix.concatenate([RAGGED, ScoreMatrix.from_rows(["c"], [[9, 8, 7, 6]])])
    assert whole.question_ids == ("a", "b", "c")
    assert [row.tolist() for row in whole.rows()] == [[1, 3, 2], [5, 4], [9, 8, 7, 6]]
    assert whole.truncated.tolist() == [False, True, False]


def test_a_subset_takes_rows_in_the_order_asked_for():
    part = RAGGED.subset([1, 0, 1])
    assert part.question_ids == ("b", "a", "b")
    assert [row.tolist() for row in part.rows()] == [[5, 4], [1, 3, 2], [5, 4]]
    assert part.truncated.tolist() == [True, False, True]
    assert len(RAGGED.subset(np.array([], dtype=np.int64))) == 0


def test_the_ranking_is_that_of_the_parts():
    parts = [ScoreMatrix.from_rows([name], [[0, 0, 0]]) for name in ("a", "b", "c")]
    whole = ScoreMatrix.concatenate(parts)
    assert np.array_equal(whole.ranking, np.concatenate([part.ranking for part in parts]))
