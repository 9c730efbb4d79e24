import numpy as np
import pytest

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.combine import combine
from llmexam.ensemble.gains import member_gains
from llmexam.ensemble.greedy import select
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights import fit_out_of_fold
from llmexam.errors import SettingsError
from llmexam.evaluation.metrics import MAPAtK, map_at_k
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds

GREEDY = EnsembleSettings(weights="greedy")


def make(n=300, seed=0, **signals):
    """An exam, and members whose right options stand out by so much."""
    rng = np.random.default_rng(seed)
    answers = rng.integers(0, 5, n)
    exam = Exam(
        tuple(Question(f"q{i}", f"Q {i}?", tuple("vwxyz"), int(a)) for i, a in enumerate(answers))
    )
    members = {}
    for name, signal in signals.items():
        values = rng.normal(size=(n, 5))
        values[np.arange(n), answers] += signal
        members[name] = ScoreMatrix.from_rows(exam.ids, values)
    return exam, members


@pytest.mark.parametrize(
    ("method", "metric"),
    [
        pytest.param(
            *(method, metric),
            marks=[] if metric == "map" or method == "mean-z" else pytest.mark.slow,
        )
        for method in ("mean-z", "log-linear", "mean-softmax", "rank-fusion", "vote")
        for metric in ("log-likelihood", "map")
    ],
)
def test_the_better_member_is_taken_more_often(method, metric):
    exam, members = make(strong=2.0, weak=0.7, noise=0.0)
    settings = EnsembleSettings(method=method, weights="greedy", greedy_metric=metric)
    weights = fit_out_of_fold(members, exam, settings).weights
    assert weights["strong"] > weights["weak"] >= weights["noise"]
    assert sum(weights.values()) == pytest.approx(1)


def test_selection_worked_by_hand():
    """a is right twice of three, b on the third; a twice and b once are right on all."""
    a = [[2.0, 0, 0], [2.0, 0, 0], [0, 1.0, 0]]
    b = [[0, 1.0, 0], [0, 1.0, 0], [5.0, 0, 0]]
    weights = select(np.array([a, b]), np.zeros(3, dtype=np.int64), metric=MAPAtK(3))
    total = weights[0] * np.array(a) + weights[1] * np.array(b)
    assert (total.argmax(axis=1) == 0).all()
    assert weights.sum() == pytest.approx(1)


def test_scales_do_not_matter_where_scores_are_added():
    exam, members = make(strong=2.0, weak=1.0)
    settings = EnsembleSettings(method="log-linear", weights="greedy")
    plain = build_ensemble(members, settings, exam).scores
    large = ScoreMatrix.from_rows(exam.ids, members["weak"].values * 1024)
    scaled = build_ensemble({**members, "weak": large}, settings, exam).scores
    assert scaled.ranking.tolist() == plain.ranking.tolist()


@pytest.mark.slow
def test_scores_never_saw_their_own_fold():
    """Each question combined by hand with weights selected on all others of the other folds."""
    exam, members = make(n=30, strong=1.5, weak=1.0)
    found = fit_out_of_fold(members, exam, GREEDY)
    for fold, weights in zip(k_folds(exam, 5, seed=0), found.fold_weights, strict=True):
        others = np.setdiff1d(np.arange(30), fold)
        rest = {name: member.subset(others) for name, member in members.items()}
        assert weights == fit_out_of_fold(rest, exam.subset(others), GREEDY).weights
        own = combine({n: m.subset(fold) for n, m in members.items()}, "mean-z", weights)
        assert found.scores.subset(fold).values.tolist() == own.values.tolist()


def test_noise_members_bring_nothing_out_of_fold():
    """Ten members of noise beside a strong one: chosen on folds, they cannot look useful."""
    noise = {f"noise{i}": 0.0 for i in range(10)}
    exam, members = make(n=300, seed=1, strong=1.5, **noise)
    alone = map_at_k(members["strong"].ranking, exam.answers)
    greedy = fit_out_of_fold(members, exam, GREEDY)
    assert map_at_k(greedy.scores.ranking, exam.answers) <= alone + 0.01
    equal = build_ensemble(members, EnsembleSettings())
    assert map_at_k(greedy.scores.ranking, exam.answers) > map_at_k(
        equal.scores.ranking, exam.answers
    )


@pytest.mark.slow
def test_selection_of_noise_alone_earns_chance():
    exam, members = make(n=1200, seed=6, **{f"noise{i}": 0.0 for i in range(5)})
    found = fit_out_of_fold(members, exam, GREEDY)
    # Five standard errors of 0.38 / sqrt(1200).
    assert map_at_k(found.scores.ranking, exam.answers) == pytest.approx(11 / 30, abs=0.055)


def test_weights_cannot_be_found_for_a_maximum():
    for weights in ("fitted", "greedy"):
        with pytest.raises(SettingsError, match="cannot be fitted for max-probability"):
            EnsembleSettings.parse(
                {"method": "max-probability", "weights": weights}, subject="the ensemble"
            )


class TestGains:
    @pytest.mark.parametrize("weights", ["equal", "fitted", "greedy"])
    def test_a_good_member_brings_more_than_noise(self, weights):
        exam, members = make(n=400, strong=2.0, other=1.0, noise=0.0)
        settings = EnsembleSettings(weights=weights)
        built = build_ensemble(members, settings, exam)
        gains = member_gains(members, built, settings, exam, n_resamples=500)
        assert list(gains) == ["strong", "other", "noise"]
        assert gains["strong"].difference.low > 0
        assert gains["strong"].difference.value > gains["noise"].difference.value
        assert gains["noise"].difference.low <= 0

    def test_a_gain_is_the_ensemble_less_that_of_the_others(self):
        exam, members = make(n=50, a=1.0, b=1.0)
        built = build_ensemble(members)
        gains = member_gains(members, built, EnsembleSettings(), exam, n_resamples=200)
        both = map_at_k(built.scores.ranking, exam.answers)
        alone = map_at_k(members["b"].ranking, exam.answers)
        assert gains["a"].difference.value == pytest.approx(both - alone)
        assert gains["a"].name_b == "without a"

    def test_given_weights_stay_and_one_member_has_no_gain(self):
        exam, members = make(n=50, a=1.0, b=1.0)
        settings = EnsembleSettings(weights={"a": 1.0, "b": 0.0})
        built = build_ensemble(members, settings)
        gains = member_gains(members, built, settings, exam, n_resamples=200)
        assert list(gains) == ["b"]
        assert gains["b"].difference.value == 0
        one = {"a": members["a"]}
        built = build_ensemble(one)
        assert member_gains(one, built, EnsembleSettings(), exam, n_resamples=200) == {}
