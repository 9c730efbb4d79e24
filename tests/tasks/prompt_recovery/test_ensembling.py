"""Submissions combined by agreement, with the real MiniLM."""

import json

import numpy as np
import pytest

from llmexam.errors import ExamError, ScoreError, SettingsError, SubmissionError
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.recoverer import Candidate, Recovery
from llmexam.recovery.run_answers import write_answers
from llmexam.recovery.submission import read_submission, write_submission
from llmexam.sample import REWRITES_PATH
from llmexam.tasks.capabilities import CombineRequest, ExamFile
from llmexam.tasks.prompt_recovery.choosing import AgreementSettings
from llmexam.tasks.prompt_recovery.ensemble import combine_prompts
from llmexam.tasks.prompt_recovery.ensembling import combine_files

EXAM = read_rewrites(REWRITES_PATH)
FILE = ExamFile(REWRITES_PATH)
QUICK = {"embedder": "bundled", "n_resamples": 100}
CONSTANT = "Improve the text to this."
TRUE = EXAM.prompts
# Right on rows of even groups, and on those of odd groups.
GROUPS = prompt_groups(TRUE)
EVEN = [p if g % 2 == 0 else CONSTANT for p, g in zip(TRUE, GROUPS, strict=True)]
ODD = [p if g % 2 else f"{CONSTANT} Please." for p, g in zip(TRUE, GROUPS, strict=True)]
MEMBERS = {"constant": [CONSTANT] * 60, "even": EVEN, "true": TRUE}


@pytest.fixture
def files(tmp_path):
    for name, texts in MEMBERS.items():
        write_submission(tmp_path / f"{name}.csv", EXAM.ids, texts)
    return [str(tmp_path / f"{name}.csv") for name in MEMBERS]


def combine(members, **options):
    exam = options.pop("exam", None)
    return combine_prompts(
        members, AgreementSettings(**{**QUICK, **options}), ids=EXAM.ids, exam=exam
    )


def test_two_that_agree_outvote_a_third():
    found = combine({"a": [CONSTANT] * 60, "b": ["Improve this text."] * 60, "true": TRUE})
    assert set(found.chosen) <= {"a", "b"}
    assert found.evaluation is None
    assert found.members == ()
    assert sum(found.as_dict()["n_chosen"].values()) == 60


def test_known_prompts_grade_members_and_result():
    found = combine(MEMBERS, exam=EXAM)
    values = {one.name: one.primary.estimate.value for one in found.members}
    assert values["true"] == pytest.approx(1)
    assert values["constant"] < values["even"] < 1
    assert found.evaluation.primary.estimate.value == pytest.approx(values["even"])
    # Without the member that it agrees with, the rest is a tie that the first one wins.
    assert found.gains["true"].difference.value > 0
    assert found.gains["true"].name_b == "without true"


def test_fitted_weights_are_out_of_fold():
    found = combine(MEMBERS, exam=EXAM, weights="fitted", n_folds=3)
    assert found.weights["true"] == max(found.weights.values())
    assert found.evaluation.primary.estimate.value == pytest.approx(1)
    assert len(found.fold_weights) == 3
    folds = grouped_folds(GROUPS, 3)
    wrong = np.array(TRUE, dtype=object)
    # A member that is right on the other folds and wrong on one misleads there, and only there.
    wrong[folds == 0] = "Sing about the sea."
    misled = combine(
        {"all": wrong.tolist(), "constant": [CONSTANT] * 60},
        exam=EXAM,
        weights="fitted",
        n_folds=3,
    )
    chosen = np.array(misled.chosen)
    assert set(chosen[folds == 0]) == {"all"}
    # At one half, the tie goes to the first member.
    assert misled.fold_weights[0]["all"] >= 0.5


def test_given_weights_and_files(files, tmp_path):
    request = CombineRequest(
        files,
        weights={"constant": 0, "even": 0, "true": 2},
        submission=tmp_path / "out.csv",
        options=QUICK,
    )
    found = combine_files(request)
    assert list(found.prompts) == TRUE
    assert read_submission(tmp_path / "out.csv", EXAM) == dict(zip(EXAM.ids, TRUE, strict=True))
    assert found.weights == {"constant": 0, "even": 0, "true": 1}


def test_weights_are_saved_and_applied(files, tmp_path):
    saved = tmp_path / "w.json"
    first = combine_files(
        CombineRequest(files, exam=FILE, weights="fitted", out_weights=saved, options=QUICK)
    )
    assert json.loads(saved.read_text())["weights"] == first.weights
    again = combine_files(CombineRequest(files, exam=FILE, weights_file=saved))
    assert again.settings.embedder == "bundled"
    assert again.weights == first.weights
    assert "fitted on this exam" in again.warning
    assert combine_files(CombineRequest(files, weights_file=saved)).warning == ""


# Sure and right on even groups, unsure and wrong on the others.
SURE = [
    Recovery(p, (), 0.9) if g % 2 == 0 else Recovery("Sing about the sea.", (), 0.1)
    for p, g in zip(TRUE, GROUPS, strict=True)
]


def test_a_gate_asks_the_next_member_where_one_is_unsure(tmp_path):
    answers, constant, saved = tmp_path / "sure.json", tmp_path / "rest.csv", tmp_path / "w.json"
    write_answers(answers, EXAM.ids, SURE)
    write_submission(constant, EXAM.ids, [CONSTANT] * 60)
    files = [str(answers), str(constant)]
    options = {**QUICK, "method": "gate"}
    found = combine_files(
        CombineRequest(files, exam=FILE, weights="fitted", out_weights=saved, options=options)
    )
    expected = [p if g % 2 == 0 else CONSTANT for p, g in zip(TRUE, GROUPS, strict=True)]
    assert list(found.prompts) == expected
    assert 0.1 < found.weights["sure"] <= 0.9
    assert found.weights["rest"] == "always"
    assert found.gains["sure"].difference.value > 0 < found.gains["rest"].difference.value
    again = combine_files(
        CombineRequest(files, weights_file=saved, options={"embedder": "bundled"})
    )
    assert again.prompts == found.prompts
    swapped = combine_files(
        CombineRequest(files[::-1], weights_file=saved, options={"embedder": "bundled"})
    )
    assert swapped.prompts == found.prompts
    plain = tmp_path / "sure.csv"
    write_submission(plain, EXAM.ids, [one.text for one in SURE])
    with pytest.raises(SettingsError, match="member 'sure' has a threshold, but its answers have"):
        combine_files(CombineRequest([str(plain), files[1]], weights_file=saved))
    with pytest.raises(SettingsError, match="threshold for unknown member 'rest'"):
        combine_files(CombineRequest(files[:1], weights_file=saved))
    with pytest.raises(SettingsError, match=r"weights file says how.*Leave out --trust"):
        combine_files(CombineRequest(files, weights_file=saved, options={"trust": 1}))


def test_candidates_of_files_of_answers_count_where_weights_are_fitted(tmp_path):
    """Two members are wrong, but have considered the right prompt."""
    members = {
        name: [
            Recovery(f"{name} {row}", (Candidate(f"{name} {row}", 0.4), Candidate(text, 0.4)), 0.3)
            for row, text in enumerate(TRUE)
        ]
        for name in ("sea", "sky")
    }
    fitted = combine(members, exam=EXAM, weights="fitted")
    assert fitted.temperature != 0
    assert list(fitted.prompts) == TRUE
    assert set(fitted.chosen) == {"sea"}
    equal = combine(members)
    assert set(equal.prompts) <= {one.text for own in members.values() for one in own}


def test_answers_alone_count_where_candidates_mislead():
    """A member is right, and its candidates, near-equal to each other, are wrong."""
    wrong = tuple(Candidate(f"Sing about the sea{mark}", 0.3) for mark in (".", "!", "?"))
    right = {"right": [Recovery(text, wrong, 0.3) for text in TRUE], "rest": [CONSTANT] * 60}
    found = combine(right, exam=EXAM, weights="fitted")
    assert list(found.prompts) == TRUE
    assert found.temperature == 0


def test_a_chosen_candidate_is_none_that_graders_take_for_a_missing_value():
    missing = [Recovery("Sing.", (Candidate("NaN", 0.9), Candidate("NaN ", 0.8)), 0.9)] * 60
    settings = {"weights": {"a": 1, "b": 1}, "temperature": 0.1}
    found = combine({"a": missing, "b": missing}, **settings)
    assert set(found.prompts) == {"NaN."}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "no members"),
        ({"a": ["x"]}, "expected 60 rows, as there are ids, got 1 of a"),
    ],
)
def test_members_of_other_sizes_are_refused(members, message):
    with pytest.raises(SettingsError, match=message):
        combine(members)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"id": "1", "answer": "x", "candidates": [["y"]]},
            r"row 1.*'candidates'.*\[text, score\]",
        ),
        ({"id": "1", "answer": "x", "confidence": "high"}, "row 1.*'confidence'.*number or null"),
        ({"id": "1", "answer": "x", "confidence": 10**400}, "row 1.*'confidence'"),
        ({"id": "1", "answer": "\ud83d"}, "row 1: a text has half of a surrogate pair"),
        ({"id": "1", "answer": None}, "row 1: expected the texts 'id' and 'answer'"),
    ],
)
def test_a_damaged_file_of_answers_is_named(tmp_path, answer, message):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"answers": [answer]}))
    with pytest.raises(SubmissionError, match=message):
        combine_files(CombineRequest([str(path)], options=QUICK))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weights": "fitted"}, SettingsError, "needs rows with known prompts"),
        (
            {"weights": "greedy"},
            SettingsError,
            "are fitted on a grid. Give --fit",
        ),
        ({"weights": {"even": 1}}, SettingsError, "member 'constant' has no weight"),
        ({"options": {"method": "vote"}}, SettingsError, "'agreement' or 'gate'"),
        ({"options": {"method": "gate"}}, SettingsError, "a gate needs thresholds"),
        (
            {"weights": {"constant": 1}, "options": {"method": "gate", "temperature": 1}},
            SettingsError,
            "`temperature` and `trust` belong to agreement",
        ),
        ({"weights": {"constant": float("nan")}}, SettingsError, "expected finite weights"),
        (
            {"weights": "fitted", "exam": FILE, "options": {**QUICK, "trust": 1}},
            SettingsError,
            "`trust` is fitted with the weights",
        ),
        ({"weights": "fitted", "exam": FILE, "options": {**QUICK, "n_folds": 90}}, ExamError, "90"),
        ({"out": "o.parquet"}, SettingsError, "prompts have no score file"),
        ({"out_weights": "w.json"}, SettingsError, "no fitted weights to write"),
    ],
)
def test_mistakes_are_named(files, changes, error, message):
    with pytest.raises(error, match=message):
        combine_files(CombineRequest(files, **{"options": QUICK, **changes}))


def test_members_are_of_the_same_rows(files, tmp_path):
    write_submission(tmp_path / "less.csv", EXAM.ids[1:], TRUE[1:])
    with pytest.raises(SubmissionError, match=r"less\.csv.*'1' is in one of them only"):
        combine_files(CombineRequest([files[0], str(tmp_path / "less.csv")], options=QUICK))
    with pytest.raises(ScoreError, match="two members have the name 'true'"):
        combine_files(CombineRequest([files[2], files[2]], options=QUICK))
