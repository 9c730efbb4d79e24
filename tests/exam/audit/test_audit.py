import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.audit.audit import audit_exam
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question

HEADER = "id,prompt,A,B,C,answer\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="exam.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def checks(result):
    return [(finding.check, finding.severity, finding.rows) for finding in result.findings]


def test_what_the_reader_refuses_becomes_findings_with_file_rows(write):
    text = HEADER + "0,What is it?,x,y,z,F\n0,Why?,x,,y,A\n0,When?,x,y,z,B\n1,p,x\n2,q,x,y,z,\n"
    result = audit_exam(write(text))
    assert checks(result) == [
        ("invalid rows", "error", (1,)),
        ("invalid rows", "error", (4,)),
        ("repeated ids", "error", (2, 3)),
        ("blank options", "warning", (2,)),
        ("missing answers", "warning", (5,)),
    ]
    assert (
        "expected the text of an option or a letter of A-C, got 'F'" in result.findings[0].message
    )
    assert result.n_questions == 3
    assert not result.is_clean


def test_worst_comes_first_and_notes_are_clean(write):
    clean = audit_exam(write(HEADER + "0,What?,x,y,None,A\n1,Why?,x,y,z,B\n"))
    assert checks(clean) == [("null-looking options", "note", (1,))]
    assert clean.is_clean
    assert json.loads(json.dumps(clean.as_dict()))["is_clean"] is True


def test_an_exam_in_memory_and_empty_ones():
    exam = Exam((Question("a", "p", ("x", "y"), 0),))
    assert audit_exam(exam).findings == ()
    assert audit_exam(Exam(())).n_questions == 0


def test_against_exams_and_texts(write):
    prompt = "Which of these five stars is nearest to the sun"
    exam = write(HEADER + f"0,{prompt}?,x,y,z,A\n1,Other?,x,y,z,B\n")
    train = write(HEADER + f"7,Else?,x,y,z,A\n8,{prompt},z,y,x,A\n", "train.csv")
    shots = write(f"examples:\n  - {prompt}?\n", "shots.yaml")
    notes = write(f"{{% for x %}}\n{prompt}\n", "shots.tmpl")
    result = audit_exam(exam, against=[train, shots, notes, Exam((), source="memory")])
    found = [(o.row, o.file, o.other_row, o.kind) for o in result.overlaps]
    assert found == [
        (1, str(train), 2, "same question"),
        (1, str(shots), 2, "quoted"),
        (1, str(notes), 2, "quoted"),
    ]
    assert [finding.severity for finding in result.findings] == ["error"] * 3
    assert result.against == (str(train), str(shots), str(notes), "memory")


def test_a_broken_csv_to_compare_with_is_an_error_not_a_text(write):
    exam = write(HEADER + "0,p,x,y,z,A\n")
    with pytest.raises(ExamError, match="cannot detect the exam format"):
        audit_exam(exam, against=[write("a,b\n1,2\n", "other.csv")])
    with pytest.raises(ExamError, match="file not found"):
        audit_exam(exam, against=["nowhere.csv"])


def test_bad_threshold():
    with pytest.raises(ExamError, match="above 0 and up to 1, got 0"):
        audit_exam(Exam(()), near_threshold=0)


def test_same_seed_same_result(write):
    exam = write(HEADER + "".join(f"{i},p{i},x,yy,z,{'ABC'[i % 3]}\n" for i in range(20)))
    assert audit_exam(exam, seed=5) == audit_exam(exam, seed=5)


@pytest.mark.slow
def test_official_questions_and_the_same_without_answers(shared_data):
    folder = shared_data / "science_exam"
    result = audit_exam(
        folder / "official_200.csv",
        against=[folder / "official_test_unlabelled.csv", folder / "train_closed_book.csv"],
    )
    assert [(o.row, o.other_row, o.kind) for o in result.overlaps] == [
        (i, i, "same question") for i in range(1, 201)
    ]
    assert result.length_leak.map_at_3 == pytest.approx(0.575, abs=0.01)
    assert result.length_leak.accuracy == pytest.approx(0.415, abs=0.015)
    assert "option-length bias" in [finding.check for finding in result.findings]


def test_training_rows_are_skewed_towards_a(shared_data):
    result = audit_exam(shared_data / "science_exam" / "train_with_context.csv")
    assert ("blank options", "warning", (741,)) in checks(result)
    assert result.letters[0].n_answers == 202
    assert result.skew_p_value < 0.001


@pytest.mark.parametrize("part", ["exam", "against"])
def test_a_file_without_any_valid_question_is_an_error(tmp_path, part):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "p", "options": ["x"]}\n{"prompt": "p", "options": []}\n')
    with pytest.raises(ExamError, match="none of 2 rows is a valid question; row 1: "):
        audit_exam(bad) if part == "exam" else audit_exam("bundled", against=[bad])


def test_data_that_are_no_exam_are_not_searched_as_a_text(tmp_path):
    path = tmp_path / "train.json"
    path.write_text('{"hello": ["world"]}')
    with pytest.raises(ExamError, match="cannot detect the exam format"):
        audit_exam("bundled", against=[path])


def test_rows_that_could_not_be_compared_are_counted(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "p", "options": ["x"]}\n{"prompt": "p", "options": ["x", "y"]}\n')
    found = audit_exam("bundled", against=[path]).findings
    assert [one.message for one in found if one.check == "not compared"] == [
        f"1 invalid row of {path} could not be compared"
    ]
