import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.metrics import (
    accuracy,
    accuracy_at_k,
    average_precision_at_k,
    grade_questions,
    map_at_k,
    pack_rankings,
    random_map_at_k,
    recall_by_letter,
    right_places,
)
from llmexam.exam.scores import ScoreMatrix

A, B, C, D = range(4)


@pytest.mark.parametrize(
    ("ranking", "earned"),
    [
        ([A], 1),
        ([A, B, C], 1),
        ([B, A, C], 1 / 2),
        ([B, C, A], 1 / 3),
        ([B, C, D], 0),
        ([B, C, D, A], 0),  # the fourth place does not count
        ([], 0),
        # Repeats: the right label scores once, and what went before it keeps its place.
        ([A, A, A], 1),
        ([B, A, A], 1 / 2),
        ([B, B, A], 1 / 3),
        ([B, B, B], 0),
        ([A, B, A], 1),
    ],
)
def test_average_precision_of_one_question_by_hand(ranking, earned):
    found = average_precision_at_k(pack_rankings([ranking]), np.array([A]))
    assert found.tolist() == pytest.approx([earned])


def test_map_of_four_questions_by_hand():
    rankings = pack_rankings([[A, B, C], [A, B, C], [A, B, C], [A, B, C]])
    answers = np.array([A, B, C, D])
    assert map_at_k(rankings, answers) == pytest.approx((1 + 1 / 2 + 1 / 3) / 4)
    assert map_at_k(rankings, answers, k=1) == 0.25
    assert map_at_k(rankings, answers, k=2) == pytest.approx(1.5 / 4)
    assert accuracy(rankings, answers) == 0.25
    assert accuracy_at_k(rankings, answers) == 0.75


def test_grade_questions_agrees_with_the_single_metrics():
    rankings = pack_rankings([[A, B], [B, A], [C, D], []])
    answers = np.array([A, A, A, A])
    expected = [[1, 1, 1], [0.5, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert grade_questions(rankings, answers).tolist() == expected


def test_rankings_without_any_place_earn_nothing():
    assert right_places(pack_rankings([[], []]), np.array([0, 1])).tolist() == [0, 0]


def test_unanswered_questions_never_match_empty_places():
    with pytest.raises(ExamError, match="1 questions have no answer"):
        map_at_k(pack_rankings([[A], []]), np.array([A, -1]))


def test_no_questions_and_no_places_are_errors():
    with pytest.raises(ExamError, match="no questions"):
        map_at_k(pack_rankings([]), np.array([], dtype=np.int64))
    with pytest.raises(ExamError, match="no questions"):
        random_map_at_k(np.array([], dtype=np.int64))
    with pytest.raises(SettingsError, match="k is 0"):
        map_at_k(pack_rankings([[A]]), np.array([A]), k=0)


@pytest.mark.parametrize(
    ("n_options", "k", "expected"),
    [
        (5, 3, 11 / 30),
        (4, 3, 11 / 24),
        (3, 3, 11 / 18),
        (2, 3, 3 / 4),
        (5, 1, 1 / 5),
        (26, 3, 11 / 156),
    ],
)
def test_expectation_of_a_random_order(n_options, k, expected):
    assert random_map_at_k(np.array([n_options]), k=k) == pytest.approx(expected)
    assert random_map_at_k(np.array([n_options, 5]), k=k) == pytest.approx(
        (expected + random_map_at_k(np.array([5]), k=k)) / 2
    )


@pytest.mark.parametrize("n_options", [2, 3, 5])
def test_expectation_is_the_mean_over_all_places(n_options):
    # The right option stands at each place equally often.
    rankings = np.tile(np.arange(n_options), (n_options, 1))
    every_place = map_at_k(rankings, np.arange(n_options))
    assert random_map_at_k(np.array([n_options])) == pytest.approx(every_place)


def test_recall_by_letter_by_hand():
    rankings = pack_rankings([[A], [A], [B], [], [C]])
    letters = recall_by_letter(rankings, np.array([A, B, B, B, A]), 4)
    assert [x.letter for x in letters] == ["A", "B", "C", "D"]
    assert [x.n_answers for x in letters] == [2, 3, 0, 0]
    assert [x.n_chosen for x in letters] == [2, 1, 1, 0]
    assert [x.recall for x in letters] == [0.5, pytest.approx(1 / 3), None, None]


@st.composite
def distinct_scores(draw):
    """Scores without ties, with answers."""
    n = draw(st.integers(1, 8))
    n_options = draw(st.integers(2, 6))
    rows = [draw(st.permutations(range(n_options))) for _ in range(n)]
    answers = [draw(st.integers(0, n_options - 1)) for _ in range(n)]
    return np.array(rows, dtype=float), np.array(answers)


@settings(max_examples=60, deadline=None)
@given(distinct_scores(), st.integers(1, 8))
def test_every_metric_lies_between_0_and_1(case, k):
    values, answers = case
    ranking = ScoreMatrix.from_rows([str(i) for i in range(len(values))], values).ranking
    earned = average_precision_at_k(ranking, answers, k=k)
    assert ((earned >= 0) & (earned <= 1)).all()
    assert accuracy(ranking, answers) <= map_at_k(ranking, answers, k=k) + 1e-12
    assert map_at_k(ranking, answers, k=k) <= accuracy_at_k(ranking, answers, k=k) + 1e-12


@settings(max_examples=60, deadline=None)
@given(distinct_scores())
def test_only_the_order_of_scores_matters(case):
    values, answers = case
    ids = [str(i) for i in range(len(values))]
    warped = np.exp(values / 3) - 7
    plain = ScoreMatrix.from_rows(ids, values)
    assert (plain.ranking == ScoreMatrix.from_rows(ids, warped).ranking).all()
    assert map_at_k(plain.ranking, answers) == map_at_k(
        ScoreMatrix.from_rows(ids, warped).ranking, answers
    )


@settings(max_examples=60, deadline=None)
@given(distinct_scores(), st.randoms(use_true_random=False))
def test_relabelling_the_options_changes_nothing_without_ties(case, random):
    values, answers = case
    order = list(range(values.shape[1]))
    random.shuffle(order)
    ids = [str(i) for i in range(len(values))]
    moved = np.array([order.index(answer) for answer in answers])
    before = average_precision_at_k(ScoreMatrix.from_rows(ids, values).ranking, answers)
    after = average_precision_at_k(ScoreMatrix.from_rows(ids, values[:, order]).ranking, moved)
    assert before.tolist() == after.tolist()


@pytest.mark.parametrize("place", range(5))
def test_a_solver_that_says_nothing_earns_chance_wherever_the_answer_stands(place):
    n = 4000
    silent = ScoreMatrix.from_rows([f"question {i}" for i in range(n)], np.zeros((n, 5)))
    earned = map_at_k(silent.ranking, np.full(n, place))
    # Five standard errors: sd of the earned is 0.38.
    assert earned == pytest.approx(11 / 30, abs=5 * 0.38 / np.sqrt(n))
