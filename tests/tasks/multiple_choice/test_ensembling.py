import json

import numpy as np
import pytest

from llmexam.ensemble.combine import combine
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.ensemble.weights import fit_out_of_fold
from llmexam.errors import ExamError, ScoreError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import read_submission
from llmexam.tasks.multiple_choice.ensembling import ensemble, load_members

FITTED = EnsembleSettings(weights="fitted")


def make(seed, n=40):
    rng = np.random.default_rng(seed)
    exam = Exam(
        tuple(
            Question(f"{seed}-{i}", f"Which {i}?", tuple("vwxyz"), int(rng.integers(5)))
            for i in range(n)
        )
    )
    members = {}
    for name, signal in (("strong", 2.0), ("weak", 0.5)):
        values = rng.normal(size=(n, 5))
        values[np.arange(n), exam.answers] += signal
        members[name] = ScoreMatrix.from_rows(exam.ids, values)
    return exam, members


TRAIN, TRAIN_MEMBERS = make(1)
TEST, TEST_MEMBERS = make(2)


def write_members(folder, members):
    paths = []
    for name, scores in members.items():
        paths.append(folder / f"{name}.parquet")
        write_scores(paths[-1], scores, {})
    return paths


def test_files_are_combined_and_written(tmp_path):
    paths = write_members(tmp_path, TEST_MEMBERS)
    found = ensemble(paths, out=tmp_path / "out.parquet", submission=tmp_path / "sub.csv")
    expected = combine(TEST_MEMBERS)
    written, metadata = read_scores(tmp_path / "out.parquet")
    assert written.values.tolist() == expected.values.tolist() == found.scores.values.tolist()
    assert metadata["method"] == "mean-z"
    assert json.loads(metadata["weights"]) == {"strong": 0.5, "weak": 0.5}
    assert metadata["out_of_fold"] == "false"
    submitted = read_submission(tmp_path / "sub.csv")
    assert submitted["2-0"] == tuple(expected.ranking[0, :3])
    assert found.evaluation is None
    assert found.members == ()


def test_weights_go_from_one_exam_to_another(tmp_path):
    fitted = ensemble(
        TRAIN_MEMBERS,
        FITTED,
        exam=TRAIN,
        out=tmp_path / "oof.parquet",
        out_weights=tmp_path / "w.json",
        n_resamples=200,
    )
    expected = fit_out_of_fold(TRAIN_MEMBERS, TRAIN, FITTED)
    assert fitted.scores.values.tolist() == expected.scores.values.tolist()
    assert read_scores(tmp_path / "oof.parquet")[1]["out_of_fold"] == "true"
    applied = ensemble(TEST_MEMBERS, weights_file=tmp_path / "w.json", exam=TEST, n_resamples=200)
    assert applied.weights == pytest.approx(expected.weights)
    assert applied.weights["strong"] > applied.weights["weak"]
    assert applied.warning == ""
    by_hand = combine(TEST_MEMBERS, "mean-z", expected.weights)
    assert applied.scores.values == pytest.approx(by_hand.values, abs=1e-6)


def test_weights_on_the_exam_they_were_fitted_on_earn_a_warning(tmp_path):
    path = tmp_path / "w.json"
    ensemble(TRAIN_MEMBERS, FITTED, exam=TRAIN, out_weights=path, n_resamples=200)
    found = ensemble(TRAIN_MEMBERS, weights_file=path, exam=TRAIN, n_resamples=200)
    assert "fitted on this exam" in found.warning


def test_members_and_result_are_graded_where_there_are_answers():
    found = ensemble(TEST_MEMBERS, exam=TEST, n_resamples=200)
    assert [member.name for member in found.members] == ["strong", "weak"]
    assert found.evaluation is not None
    assert found.evaluation.name == "ensemble"
    unlabelled = Exam(tuple(Question(q.id, q.prompt, q.options) for q in TEST))
    assert ensemble(TEST_MEMBERS, exam=unlabelled).evaluation is None


def test_members_can_be_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write_members(tmp_path / "a", TEST_MEMBERS)[0]
    two = write_members(tmp_path / "b", TEST_MEMBERS)[0]
    with pytest.raises(ScoreError, match=r"two members have the name 'strong'.*other="):
        load_members([one, two])
    assert list(load_members([one, f"other={two}"])) == ["strong", "other"]


def test_an_equals_sign_in_a_path_is_not_a_name(tmp_path):
    folder = tmp_path / "lr=0.1"
    folder.mkdir()
    path = write_members(folder, TEST_MEMBERS)[0]
    assert list(load_members([path])) == ["strong"]
    assert list(load_members([f"mine={path}"])) == ["mine"]


def test_what_contradicts_itself_is_refused(tmp_path):
    path = tmp_path / "w.json"
    ensemble(TRAIN_MEMBERS, FITTED, exam=TRAIN, out_weights=path, n_resamples=200)
    with pytest.raises(SettingsError, match="already sets method"):
        ensemble(TEST_MEMBERS, EnsembleSettings(), weights_file=path)
    with pytest.raises(SettingsError, match="no fitted weights to write"):
        ensemble(TEST_MEMBERS, exam=TEST, out_weights=tmp_path / "other.json")
    with pytest.raises(SettingsError, match="fitting weights needs an exam"):
        ensemble(TEST_MEMBERS, FITTED)
    with pytest.raises(SettingsError, match="member 'extra' has no weight"):
        ensemble({**TEST_MEMBERS, "extra": TEST_MEMBERS["weak"]}, weights_file=path)
    assert not (tmp_path / "other.json").exists()


def test_nothing_is_written_when_the_exam_does_not_fit(tmp_path):
    with pytest.raises(ScoreError, match="do not belong to this exam"):
        ensemble(TEST_MEMBERS, exam=TRAIN, out=tmp_path / "out.parquet")
    with pytest.raises(ExamError, match="cannot make"):
        ensemble(
            {name: member.subset([0, 1]) for name, member in TRAIN_MEMBERS.items()},
            FITTED,
            exam=TRAIN.subset([0, 1]),
            out=tmp_path / "out.parquet",
        )
    assert not (tmp_path / "out.parquet").exists()


def test_an_unlabelled_exam_must_fit_too(tmp_path):
    unlabelled = Exam(tuple(Question(q.id, q.prompt, q.options) for q in TRAIN))
    with pytest.raises(ScoreError, match="do not belong to this exam"):
        ensemble(TEST_MEMBERS, exam=unlabelled, out=tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_missing_score_file_is_named(tmp_path):
    with pytest.raises(ScoreError, match=r"none\.parquet"):
        ensemble([tmp_path / "none.parquet"], out=tmp_path / "out.parquet")
