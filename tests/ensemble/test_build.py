import pytest

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.combine import combine
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights import fit_out_of_fold
from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix

EXAM = Exam(tuple(Question(f"q{i}", "?", ("x", "y", "z"), i % 3) for i in range(12)))
MEMBERS = {
    "right": ScoreMatrix.from_rows(
        EXAM.ids, [[float(j == i % 3) for j in range(3)] for i in range(12)]
    ),
    "first": ScoreMatrix.from_rows(EXAM.ids, [[3.0, 2.0, 1.0]] * 12),
}


def test_equal_weights_are_the_default():
    built = build_ensemble(MEMBERS)
    assert built.weights == {"right": 0.5, "first": 0.5}
    assert built.scores.values.tolist() == combine(MEMBERS).values.tolist()
    assert built.fitted is None


def test_given_weights_become_shares():
    settings = EnsembleSettings(method="vote", weights={"right": 3, "first": 1})
    built = build_ensemble(MEMBERS, settings)
    assert built.weights == {"right": 0.75, "first": 0.25}
    expected = combine(MEMBERS, "vote", {"right": 3, "first": 1})
    assert built.scores.values.tolist() == expected.values.tolist()


def test_fitted_scores_are_the_out_of_fold_ones():
    settings = EnsembleSettings(weights="fitted", n_folds=3)
    built = build_ensemble(MEMBERS, settings, EXAM)
    expected = fit_out_of_fold(MEMBERS, EXAM, settings)
    assert built.weights == expected.weights
    assert built.scores.values.tolist() == expected.scores.values.tolist()


def test_options_of_the_settings_reach_the_combination():
    settings = EnsembleSettings(method="mean-softmax", temperature=0.1)
    built = build_ensemble(MEMBERS, settings)
    expected = combine(MEMBERS, "mean-softmax", temperature=0.1)
    assert built.scores.values.tolist() == expected.values.tolist()


def test_fitting_needs_an_exam():
    with pytest.raises(SettingsError, match="fitting weights needs an exam with answers"):
        build_ensemble(MEMBERS, EnsembleSettings(weights="fitted"))
