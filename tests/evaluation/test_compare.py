import numpy as np
import pytest

from llmexam.errors import ScoreError, SubmissionError
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.evaluate import evaluate_rankings
from llmexam.exam.parsers import read_exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import read_submission


def ranked(exam, places):
    """Rankings with the right option at the place given, from 0."""
    rankings = {}
    for question, place in zip(exam, places, strict=True):
        others = [i for i in range(len(question.options)) if i != question.answer]
        rankings[question.id] = (*others[:place], question.answer, *others[place:])
    return rankings


def test_a_comparison_by_hand(make_exam):
    exam = make_exam([0, 1, 2, 3])
    found = compare_results(exam, ranked(exam, [0, 0, 1, 0]), ranked(exam, [1, 1, 0, 0]))
    assert found.a.value == pytest.approx(3.5 / 4)
    assert found.b.value == pytest.approx(3 / 4)
    assert found.difference.value == pytest.approx(0.5 / 4)
    assert (found.n_better, found.n_worse, found.n_items) == (2, 1, 4)
    # Differences 1/2, 1/2, -1/2, 0: all sums of three halves are at least 1/2 away from 0.
    assert found.p_value == pytest.approx(1.0)
    assert found.p_value_exact
    assert -1 <= found.difference.low < 0 < found.difference.high <= 1


def test_scores_and_submissions_can_be_mixed(make_exam):
    exam = make_exam([0, 1, 2, 3, 4] * 8)
    rng = np.random.default_rng(0)
    scores = ScoreMatrix.from_rows(exam.ids, rng.normal(size=(40, 5)))
    same = dict(zip(exam.ids, scores.ranking.tolist(), strict=True))
    found = compare_results(exam, scores, same)
    assert found.difference.value == found.difference.low == found.difference.high == 0.0
    assert found.p_value == 1.0
    assert (found.n_better, found.n_worse) == (0, 0)
    assert found.minimum_detectable_difference > 0


def test_swapping_the_sides_turns_the_result_round(make_exam):
    exam = make_exam([0] * 50)
    a = ranked(exam, [i % 2 for i in range(50)])
    b = ranked(exam, [i % 3 for i in range(50)])
    one, two = compare_results(exam, a, b), compare_results(exam, b, a)
    assert one.difference.value == pytest.approx(-two.difference.value)
    assert one.p_value == two.p_value
    assert (one.n_better, one.n_worse) == (two.n_worse, two.n_better)
    assert one.difference.low == pytest.approx(-two.difference.high, abs=0.02)


def test_pairing_sees_what_separate_intervals_cannot(make_exam):
    n = 200
    exam = make_exam([0] * n)
    hard = [3 if i % 2 else 0 for i in range(n)]
    slightly_worse = [1 if i % 20 == 0 else place for i, place in enumerate(hard)]
    found = compare_results(exam, ranked(exam, hard), ranked(exam, slightly_worse))
    assert found.a.low < found.b.high  # the intervals overlap widely
    assert found.difference.low > 0
    assert found.p_value == pytest.approx(2 / 2**10)


def test_a_comparison_shows_the_same_interval_as_an_evaluation(make_exam):
    exam = make_exam([0] * 30)
    a, b = ranked(exam, [i % 4 for i in range(30)]), ranked(exam, [0] * 30)
    found = compare_results(exam, a, b, seed=3)
    assert found.a == evaluate_rankings(exam, a, name="a", seed=3).primary.estimate
    assert found.b == evaluate_rankings(exam, b, name="b", seed=3).primary.estimate


def test_both_sides_must_be_of_this_exam(make_exam):
    exam, other = make_exam([0, 1]), make_exam([0, 1, 2])
    whole = ranked(exam, [0, 0])
    with pytest.raises(SubmissionError, match=r"unknown \('q2'\)"):
        compare_results(exam, whole, ranked(other, [0, 0, 0]))
    with pytest.raises(ScoreError, match="unknown"):
        compare_results(exam, ScoreMatrix.from_rows(other.ids, np.zeros((3, 5))), whole)


def test_published_submissions_differ_beyond_doubt(shared_data):
    folder = shared_data / "science_exam"
    exam = read_exam(folder / "official_200.csv")
    a, b = (read_submission(folder / f"{n}_submission.csv", exam) for n in ("public", "sample"))
    found = compare_results(exam, a, b)
    assert found.difference.value == pytest.approx(0.6992 - 0.3783, abs=1e-4)
    assert found.difference.low > 0.2
    assert found.p_value < 1e-10
