from importlib.metadata import EntryPoint
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.metrics import (
    Accuracy,
    AccuracyAtK,
    ExactSet,
    MAPAtK,
    RankMetric,
    choice_metric,
    choice_metrics,
    exam_metrics,
    map_at_k,
    registry,
)
from llmexam.evaluation.metrics.metric import item_values
from llmexam.evaluation.metrics.registry import metric_label
from llmexam.evaluation.rankings import pack_rankings, recall_by_letter, right_ranks
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
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
    assert map_at_k(pack_rankings([ranking]), np.array([A])) == pytest.approx(earned)


def test_map_of_four_questions_by_hand():
    rankings = pack_rankings([[A, B, C], [A, B, C], [A, B, C], [A, B, C]])
    answers = np.array([A, B, C, D])
    assert map_at_k(rankings, answers) == pytest.approx((1 + 1 / 2 + 1 / 3) / 4)
    assert map_at_k(rankings, answers, k=1) == 0.25
    assert map_at_k(rankings, answers, k=2) == pytest.approx(1.5 / 4)
    assert Accuracy().at_rank(right_ranks(rankings, answers)).mean() == 0.25
    assert AccuracyAtK(3).at_rank(right_ranks(rankings, answers)).mean() == 0.75


def test_values_of_all_metrics_by_hand(make_exam):
    rankings = pack_rankings([[A, B], [B, A], [C, D], []])
    expected = [[1, 1, 1], [0.5, 0, 1], [0, 0, 0], [0, 0, 0]]
    exam = make_exam([A, A, A, A], n_options=4)
    assert item_values(choice_metrics(), exam, rankings).tolist() == expected


def test_rankings_of_nothing_have_no_rank():
    assert right_ranks(pack_rankings([[], []]), np.array([0, 1])).tolist() == [np.inf, np.inf]


def test_unanswered_questions_never_match_empty_places():
    with pytest.raises(ExamError, match="1 questions have no answer"):
        map_at_k(pack_rankings([[A], []]), np.array([A, -1]))


def test_no_questions_and_no_places_are_errors():
    with pytest.raises(ExamError, match="no questions"):
        map_at_k(pack_rankings([]), np.array([], dtype=np.int64))
    with pytest.raises(ExamError, match="no questions"):
        MAPAtK(3).chance(Exam(()))
    with pytest.raises(SettingsError, match="got 0"):
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
    options = [tuple(map(str, range(n))) for n in (n_options, 5)]
    two = Exam(tuple(Question(f"q{i}", "?", some, 0) for i, some in enumerate(options)))
    by_hand = [expected, sum(1 / rank for rank in range(1, min(k, 5) + 1)) / 5]
    assert MAPAtK(k).chance(two) == pytest.approx(by_hand)


@pytest.mark.parametrize("metric", choice_metrics(3), ids=lambda metric: metric.name)
@pytest.mark.parametrize("n_options", [2, 3, 5])
def test_expectation_is_the_mean_over_all_ranks(make_exam, n_options, metric):
    # The right option has each rank equally often.
    rankings = np.tile(np.arange(n_options), (n_options, 1))
    exam = make_exam(range(n_options), n_options)
    every_rank = metric.values(exam, rankings).mean()
    assert metric.chance(exam) == pytest.approx([every_rank] * n_options)


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
    ranks = right_ranks(ranking, answers)
    first, mean, among = (m.at_rank(ranks) for m in (Accuracy(), MAPAtK(k), AccuracyAtK(k)))
    assert ((first >= 0) & (first <= mean) & (mean <= among) & (among <= 1)).all()


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
    before = right_ranks(ScoreMatrix.from_rows(ids, values).ranking, answers)
    after = right_ranks(ScoreMatrix.from_rows(ids, values[:, order]).ranking, moved)
    assert before.tolist() == after.tolist()


@pytest.mark.parametrize("place", range(5))
def test_a_solver_that_says_nothing_earns_chance_wherever_the_answer_stands(place):
    n = 4000
    silent = ScoreMatrix.from_rows([f"question {i}" for i in range(n)], np.zeros((n, 5)))
    earned = map_at_k(silent.ranking, np.full(n, place))
    # Five standard errors: sd of the earned is 0.38.
    assert earned == pytest.approx(11 / 30, abs=5 * 0.38 / np.sqrt(n))


@pytest.mark.parametrize("metric", choice_metrics(2), ids=lambda metric: metric.name)
def test_a_metric_describes_itself(metric):
    # MLflow takes no other characters in the names of metrics.
    assert metric.name.isidentifier()
    assert metric.explanation.endswith(".")
    assert metric_label(metric.name) == metric.label


def test_the_primary_metric_is_map():
    assert [metric.label for metric in choice_metrics(5)] == ["MAP@5", "accuracy", "accuracy@5"]


def test_unknown_names():
    assert metric_label("map") == "map"
    with pytest.raises(SettingsError, match="unknown metric 'accuracies'") as raised:
        choice_metric("accuracies")
    assert "accuracy" in raised.value.hint


class ReciprocalRank(RankMetric):
    name = "reciprocal_rank"
    label = "MRR"
    explanation = "The mean of 1 divided by the rank of the right option."

    def __init__(self, k):
        pass

    def at_rank(self, ranks):
        return 1 / ranks


def test_an_installed_package_may_bring_a_metric(monkeypatch, make_exam):
    points = [
        EntryPoint(name, "tests.evaluation.test_metrics:ReciprocalRank", registry.ENTRY_POINT_GROUP)
        for name in ("mrr", "map")
    ]
    monkeypatch.setattr(EntryPoint, "load", lambda self: ReciprocalRank)
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    labels = ["MAP@3", "accuracy", "accuracy@3", "MRR"]
    assert [metric.label for metric in choice_metrics()] == labels
    assert isinstance(choice_metric("mrr"), ReciprocalRank)
    values = choice_metric("mrr").values(make_exam([D], n_options=4), np.array([[A, B, C, D]]))
    assert values.tolist() == [0.25]


def exam_of(*questions):
    """An exam of questions given as number of options and right ones."""
    return Exam(
        tuple(
            Question(str(i), "?", tuple("abcdef"[:n]), right[0], right=right if right[1:] else ())
            for i, (n, right) in enumerate(questions)
        )
    )


@pytest.mark.parametrize(
    ("ranking", "precision", "first", "exact"),
    [
        ([A, C, B], 1, 1, 1),
        ([C, A, B], 1, 1, 1),
        ([A, B, C], (1 + 2 / 3) / 2, 1, 0),
        ([B, A, C], (1 / 2 + 2 / 3) / 2, 0, 0),
        ([B, A, D], (1 / 2) / 2, 0, 0),
        ([D, B, A], (1 / 3) / 2, 0, 0),
        ([B, D, A, C], (1 / 3) / 2, 0, 0),  # the fourth place does not count
        ([A], 1 / 2, 1, 0),
        ([A, A, C], (1 + 2 / 3) / 2, 1, 0),  # a repeat takes up a rank
        ([], 0, 0, 0),
    ],
)
def test_two_right_options_of_four_by_hand(ranking, precision, first, exact):
    exam = exam_of((4, (A, C)))
    packed = pack_rankings([ranking])
    assert MAPAtK(3).values(exam, packed).tolist() == [pytest.approx(precision)]
    assert Accuracy().values(exam, packed).tolist() == [first]
    assert ExactSet().values(exam, packed).tolist() == [exact]


@pytest.mark.parametrize(("n", "m"), [(n, m) for n in (2, 3, 4, 5, 6) for m in range(1, n + 1)])
@pytest.mark.parametrize(
    "metric", [MAPAtK(1), MAPAtK(3), MAPAtK(5), Accuracy(), AccuracyAtK(2), ExactSet()]
)
def test_chance_is_the_mean_over_all_orders(metric, n, m):
    exam = exam_of((n, tuple(range(m))))
    orders = np.array(list(permutations(range(n))))
    each = [metric.values(exam, order[None])[0] for order in orders]
    assert metric.chance(exam)[0] == pytest.approx(np.mean(each))


def test_exact_set_is_a_metric_only_where_a_question_has_several_right_options():
    assert [m.name for m in exam_metrics(exam_of((4, (1,))))] == [m.name for m in choice_metrics()]
    assert exam_metrics(exam_of((4, (1,)), (4, (1, 2))))[-1].name == "exact_set"
    assert metric_label("exact_set") == "exact set"


def test_one_right_option_is_graded_as_before_beside_several():
    exam = exam_of((4, (1,)), (3, (0, 2)), (5, (4,)))
    rankings = pack_rankings([[0, 1, 2], [2, 0, 1], [3, 2, 1, 0, 4]])
    assert MAPAtK(3).values(exam, rankings).tolist() == [0.5, 1.0, 0.0]
    assert ExactSet().values(exam, rankings).tolist() == [0.0, 1.0, 0.0]
