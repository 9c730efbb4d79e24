from dataclasses import replace

import numpy as np
import pytest

from llmexam.ensemble.combine import METHODS, combine
from llmexam.ensemble.likelihood import loss_of, minimise_loss
from llmexam.ensemble.normalise import z_scores
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights import fit_out_of_fold
from llmexam.errors import ExamError, ScoreError
from llmexam.evaluation.metrics import map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds


def make(n=300, seed=0, signals=(2.0, 1.0, 0.0)):
    """An exam, and members whose right options stand out by so much."""
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, 5, n)
    exam = Exam(
        tuple(
            Question(f"q{i}", f"Question {i}?", tuple("vwxyz"), int(answer))
            for i, answer in enumerate(answers)
        )
    )
    members = {}
    for name, signal in zip(("strong", "weak", "noise"), signals, strict=False):
        values = rng.normal(size=(n, 5))
        values[np.arange(n), answers] += signal
        members[name] = ScoreMatrix.from_rows(exam.ids, values)
    return exam, members


def test_better_members_get_more_weight():
    exam, members = make()
    weights = fit_out_of_fold(members, exam).weights
    assert weights["strong"] > weights["weak"] > weights["noise"] >= 0
    assert sum(weights.values()) == pytest.approx(1)


def test_a_member_that_is_wrong_on_purpose_gets_no_weight():
    exam, members = make(signals=(2.0, -2.0))
    assert fit_out_of_fold(members, exam).weights["weak"] == 0.0


def test_no_nearby_weights_are_more_likely():
    exam, members = make(n=120, seed=3)
    rows = np.arange(len(exam))
    points = np.stack([z_scores(members[name]) for name in sorted(members)])
    right = points[:, rows, exam.answers][:, :, None]
    gaps, present = points - right, np.ones(points[0].shape, bool)
    best = minimise_loss(gaps, present)
    lowest = loss_of(best, gaps, present, 1 / len(exam))[0]
    rng = np.random.default_rng(0)
    for _ in range(200):
        near = np.maximum(best + rng.normal(scale=0.05, size=3), 0)
        assert loss_of(near, gaps, present, 1 / len(exam))[0] >= lowest - 1e-12


def test_slope_and_curvature_are_those_of_theloss_of():
    exam, members = make(n=40, seed=4)
    points = np.stack([z_scores(member) for member in members.values()])
    gaps = points - points[:, np.arange(40), exam.answers][:, :, None]
    present = np.ones(gaps[0].shape, bool)
    weights, h = np.array([0.7, 0.2, 0.4]), 1e-5
    _, slope, curvature = loss_of(weights, gaps, present, 0.1)
    for i in range(3):
        step = np.eye(3)[i] * h
        above, below = (loss_of(weights + s, gaps, present, 0.1) for s in (step, -step))
        assert (above[0] - below[0]) / (2 * h) == pytest.approx(slope[i], abs=1e-6)
        assert (above[1] - below[1]) / (2 * h) == pytest.approx(curvature[i], abs=1e-6)


def test_twins_share_their_weight():
    exam, members = make(signals=(2.0, 1.0))
    twins = {**members, "twin": members["strong"]}
    weights = fit_out_of_fold(twins, exam).weights
    assert weights["twin"] == pytest.approx(weights["strong"], rel=1e-4)


def test_members_that_say_nothing_share_equally():
    exam, members = make(n=20)
    silent = ScoreMatrix.from_rows(exam.ids, np.ones((20, 5)))
    assert fit_out_of_fold({"a": silent, "b": silent}, exam).weights == {"a": 0.5, "b": 0.5}
    alone = fit_out_of_fold({"a": silent, "strong": members["strong"]}, exam).weights
    assert alone["strong"] == pytest.approx(1)


def test_members_that_never_err_get_finite_weights():
    exam, members = make(n=30, signals=(50.0, 40.0))
    weights = fit_out_of_fold(members, exam).weights
    assert np.isfinite(list(weights.values())).all()
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "max-probability"])
def test_every_method_can_be_fitted(method):
    exam, members = make()
    settings = EnsembleSettings(method=method, weights="fitted")
    found = fit_out_of_fold(members, exam, settings)
    assert found.weights["strong"] > found.weights["weak"] > found.weights["noise"]
    assert len(found.fold_weights) == 5


def test_scores_never_saw_their_own_fold():
    exam, members = make(n=60, seed=5)
    settings = EnsembleSettings(weights="fitted", n_folds=3)
    found = fit_out_of_fold(members, exam, settings)
    folds = k_folds(exam, 3, seed=0)
    assert sorted(i for fold in folds for i in fold.tolist()) == list(range(60))
    for fold in folds:
        for i in fold.tolist():
            by_hand = _by_hand(members, exam, fold, i)
            assert found.scores.values[i].tolist() == pytest.approx(by_hand, abs=1e-6)


def _by_hand(members, exam, fold, i):
    """Combine question i with weights fitted on all questions outside its fold."""
    others = [j for j in range(len(exam)) if j not in set(fold.tolist())]
    rest = {name: member.subset(others) for name, member in members.items()}
    weights = fit_out_of_fold(rest, exam.subset(others)).weights
    return combine({n: m.subset([i]) for n, m in members.items()}, "mean-z", weights).values[0]


def test_out_of_fold_scores_are_in_the_order_of_the_exam():
    exam, members = make(n=50)
    found = fit_out_of_fold(members, exam)
    assert found.scores.question_ids == exam.ids
    assert found.scores.present.all()


def test_out_of_fold_scores_of_noise_earn_chance():
    exam, members = make(n=1500, signals=(0.0, 0.0, 0.0), seed=6)
    found = fit_out_of_fold(members, exam, EnsembleSettings(weights="fitted"))
    # Six standard errors of 0.38 / sqrt(1500).
    assert map_at_k(found.scores.ranking, exam.answers) == pytest.approx(11 / 30, abs=0.06)


def test_fitted_weights_beat_equal_ones_when_a_member_is_noise():
    exam, members = make(n=1000, signals=(2.0, 0.0, 0.0), seed=7)
    found = fit_out_of_fold(members, exam)
    fitted = map_at_k(found.scores.ranking, exam.answers)
    assert fitted > map_at_k(combine(members).ranking, exam.answers)


def test_same_seed_same_weights_whatever_the_order_of_members():
    exam, members = make(n=80)
    one = fit_out_of_fold(members, exam, EnsembleSettings(seed=1))
    two = fit_out_of_fold(dict(reversed(members.items())), exam, EnsembleSettings(seed=1))
    assert one.weights == two.weights
    assert one.fold_weights == two.fold_weights
    assert one.scores.values.tolist() == two.scores.values.tolist()
    other = fit_out_of_fold(members, exam, EnsembleSettings(seed=2))
    assert other.fold_weights != one.fold_weights
    assert other.weights == one.weights


def test_questions_of_different_length_can_be_fitted():
    exam, members = make(n=90)
    short = Exam(
        tuple(
            Question(q.id, q.prompt, q.options[:3], q.answer) if q.answer < 3 else q for q in exam
        )
    )
    cut = {
        name: ScoreMatrix.from_rows(
            short.ids,
            [v[: len(q.options)] for v, q in zip(member.values, short, strict=True)],
        )
        for name, member in members.items()
    }
    found = fit_out_of_fold(cut, short)
    assert found.weights["strong"] > found.weights["noise"]
    assert found.scores.n_options.tolist() == [len(q.options) for q in short]


def test_what_cannot_be_fitted():
    exam, members = make(n=10)
    with pytest.raises(ExamError, match="cannot make 11 folds"):
        fit_out_of_fold(members, exam, EnsembleSettings(n_folds=11))
    unlabelled = Exam(tuple(Question(q.id, q.prompt, q.options) for q in exam))
    with pytest.raises(ExamError, match="no answer"):
        fit_out_of_fold(members, unlabelled)
    with pytest.raises(ScoreError, match="do not belong to this exam"):
        fit_out_of_fold(members, exam.subset([0, 1]))


def test_a_second_right_option_is_no_wrong_one():
    exam, members = make()
    questions = [q for q in exam if q.answer < 4]
    one = Exam(tuple(questions))
    # Beside the answer, E is right, and the strong member likes it better still.
    two = Exam(tuple(replace(q, right=(q.answer, 4)) for q in questions))
    at = [i for i, q in enumerate(exam) if q.answer < 4]
    strong, noise = members["strong"].subset(at), members["noise"].subset(at)
    strong.values[:, 4] += 4
    pair = {"strong": strong, "noise": noise}
    settings = EnsembleSettings(method="log-linear")
    by_one, by_two = (fit_out_of_fold(pair, exam, settings).weights for exam in (one, two))
    assert by_two["strong"] > by_one["strong"] + 0.1
