import json

import pytest

from llmexam.errors import ExamError, ScoreError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.writers import write_exam
from llmexam.workflows.items.answers import answer_files
from llmexam.workflows.items.panel import answer, variants_of
from llmexam.workflows.items.report import analyse_items
from llmexam.workflows.solve import solve

METALS = ("iron", "copper", "mercury", "gold")


def make_exam(n=12, start=0, passages=True):
    questions = []
    for i in range(start, start + n):
        metal = METALS[i % 4]
        text = f"The wire of machine {i} is made of {metal}. It is old."
        questions.append(
            Question(
                f"m{i}",
                f"Which metal is the wire of machine {i} made of?",
                METALS,
                i % 4,
                (Passage(text), Passage("Metals conduct heat.")) if passages else (),
            )
        )
    return Exam(tuple(questions))


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "metals.jsonl"
    write_exam(path, make_exam(), format="jsonl")
    return path


def test_cheap_solvers_answer_the_exam(exam):
    done = []
    report = analyse_items(
        [exam], solvers=["lexical", "longest"], progress=lambda *one: done.append(one)
    )
    (found,) = report.exams
    assert found.name == "metals"
    assert "lexical" in [rater.name for rater in found.analysis.raters]
    assert found.analysis.n_items == 12
    assert {name.rpartition(": ")[2] for name, _, _ in done} >= {"lexical", "longest"}
    json.dumps(report.as_dict(), allow_nan=False)


def test_a_sample_keeps_the_rows_of_the_file(exam):
    report = analyse_items([exam], solvers=["lexical"], sample=5, seed=1)
    rows = report.exams[0].analysis.responses.rows
    assert len(rows) == 5
    ids = report.exams[0].analysis.responses.ids
    assert [f"m{row - 1}" for row in rows] == list(ids)
    assert len(report.exams[0].exam) == 12


def test_answers_are_matched_to_exams_by_ids(exam, tmp_path):
    other = tmp_path / "others.jsonl"
    write_exam(other, make_exam(start=100), format="jsonl")
    folder = tmp_path / "run" / "scores"
    for path, name in ((exam, "one"), (other, "two")):
        solve(path, "lexical", out=folder / f"{name}.parquet")
    report = analyse_items([exam, other], answers=[tmp_path / "run"])
    raters = [[rater.name for rater in one.analysis.raters] for one in report.exams]
    assert raters == [["one"], ["two"]]
    with pytest.raises(ScoreError, match="do not belong to any of the exams"):
        analyse_items([other], answers=[folder / "one.parquet"])


def test_names_of_files_that_repeat_get_their_folder(tmp_path):
    scores = ScoreMatrix.from_rows(["a"], [[1.0, 2.0]])
    for run in ("x", "y"):
        write_scores(tmp_path / run / "scores" / "s.parquet", scores)
    assert list(answer_files([tmp_path / "x", tmp_path / "y"])) == ["x/s", "y/s"]
    with pytest.raises(ScoreError, match="a folder without any"):
        answer_files([tmp_path])


def test_variants_without_passages_are_skipped():
    scores, kinds = answer(make_exam(passages=False), variants_of("lexical"))
    assert scores == {}
    scores, kinds = answer(make_exam(), variants_of("lexical"), taken={"lexical"})
    assert "lexical, now" in scores
    assert set(kinds.values()) == {"lexical"}
    assert "lexical, first passage" in scores


def test_an_exam_without_answers_has_no_analysis(tmp_path):
    path = tmp_path / "unlabelled.csv"
    path.write_text("id,prompt,A,B\n1,What?,x,y\n")
    (found,) = analyse_items([path], solvers=["longest"]).exams
    assert found.analysis is None
    assert found.tells == ()
    assert "no item analysis" in found.notes[0]


def test_yields_are_read_from_the_file_beside_the_questions(exam, tmp_path):
    value = {
        "generated": 40,
        "kept": 12,
        "filters": [{"name": "quote", "rejected": 20, "rejected_alone": 9}],
        "shortfall": {"short passages": 3},
    }
    side = tmp_path / "metals.report.json"
    side.write_text(json.dumps(value))
    (found,) = analyse_items([exam], solvers=["longest"]).exams
    assert found.yields.model_dump(mode="json") == value
    side.write_text('{"generated": -1, "kept": 0}')
    with pytest.raises(ExamError, match=r"metals.report.json field 'generated'"):
        analyse_items([exam], solvers=["longest"])


def test_a_damaged_account_is_an_error_before_solvers_answer(exam):
    (exam.parent / "metals.jsonl.report.json").write_text("{")
    done = []

    with pytest.raises(ExamError, match=r"metals\.jsonl\.report\.json"):
        analyse_items([exam], solvers=["longest"], progress=lambda *one: done.append(one))

    assert not done
