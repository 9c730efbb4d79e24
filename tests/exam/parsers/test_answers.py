"""Answers: how they are written is inferred from the whole file."""

import json
import math

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

OPTIONS = ["red", "green", "blue", "grey"]


def exam_of(write, answers, options=OPTIONS, **reading):
    """Return an exam of a shape without a documented way to count."""
    records = [{"query": str(i), "alternatives": options, "key": a} for i, a in enumerate(answers)]
    return read_exam(write("\n".join(map(json.dumps, records))), **reading)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["A", "b", "(c)", "D.", "[a]", "B)", "C:", " d "], [0, 1, 2, 3, 0, 1, 2, 3]),
        ([0, 1, 3], [0, 1, 3]),
        ([1, 2, 4], [0, 1, 3]),
        (["0", "2.0", "3"], [0, 2, 3]),
        ([1.0, 4.0, 2], [0, 3, 1]),
        (["red", "Blue", " grey "], [0, 2, 3]),
        (["A. red", "B) green", "C"], [0, 1, 2]),
        (["A", None, "", "?", -1, "-1", math.nan, "NaN", "N/A", []], [0, *[-1] * 9]),
        (["option2", "Option 3", "answer 4"], [1, 2, 3]),
        (["The answer is B", "A"], [1, 0]),
        ([{"q": "B"}, ["C"]], [1, 2]),
    ],
)
def test_one_right_option(write, given, expected):
    assert exam_of(write, given).answers.tolist() == expected


@pytest.mark.parametrize(
    "given", [["A", "C"], "A,C", "A; C", "A and C", "AC", "['A', 'C']", ["red", "blue"], [1, 3]]
)
def test_several_right_options(write, given):
    answers = [given, 1, 4] if given == [1, 3] else [given]
    question = exam_of(write, answers)[0]
    assert (question.answer, question.right) == (0, (0, 2))


def test_indices_that_may_count_from_0_or_1_are_asked_for(write):
    with pytest.raises(
        ExamError, match=r"1 to 3, may count the options from 0 or from 1.*--answer-base 0 or"
    ):
        exam_of(write, [1, 2, 3])
    assert exam_of(write, [1, 2, 3], answer_base=0).answers.tolist() == [1, 2, 3]
    assert exam_of(write, [1, 2, 3], answer_base="1").answers.tolist() == [0, 1, 2]
    with pytest.raises(ExamError, match="expected 0, 1 or text"):
        exam_of(write, [1], answer_base=2)


def test_the_inferred_base_is_told(write):
    assert exam_of(write, [1, 4, 2]).notes == (
        "the answers are indices that count from 1, which was inferred from the whole file "
        "(1 to 4)",
    )


def test_a_documented_base_holds_where_the_file_allows_both(write):
    records = [{"prompt": "p", "options": OPTIONS, "answer": i} for i in (1, 2, 3)]
    exam = read_exam(write(json.dumps(records)))
    assert exam.answers.tolist() == [1, 2, 3]
    assert "read as counting from 0, as documented" in exam.notes[0]


def test_one_wrong_index_does_not_change_how_the_others_count(write):
    exam = exam_of(write, [0, 1, 2, 3, 4, 0], on_faulty="skip")
    assert (exam.answers.tolist(), exam.n_skipped) == ([0, 1, 2, 3, 0], 1)


def test_numbers_that_are_texts_of_options(write):
    numbers = ["3", "4", "5", "6"]
    exam = exam_of(write, ["5", "6", "4"], numbers)
    assert exam.answers.tolist() == [2, 3, 1]
    # Numbers that are both: a note says so, and an option decides.
    exam = exam_of(write, ["3", "3"], ["3", "1", "2", "0"])
    assert exam.answers.tolist() == [0, 0]
    assert "use --answer-base" in exam.notes[0]
    assert exam_of(write, ["3", "3"], ["3", "1", "2", "0"], answer_base=0).answers.tolist() == [
        3,
        3,
    ]


def test_letters_that_are_texts_of_options(write):
    vitamins = ["C", "A", "B", "D"]
    records = [
        {"query": "v", "alternatives": vitamins, "key": "A"},
        {"query": "w", "alternatives": OPTIONS, "key": "blue"},
    ]
    exam = read_exam(write(json.dumps(records)))
    assert exam.answers.tolist() == [1, 2]
    records[1]["key"] = "C"
    assert read_exam(write(json.dumps(records))).answers.tolist() == [0, 2]


def test_a_letter_that_the_file_does_not_use_is_a_fault(write):
    choices = [{"label": label, "text": label * 3} for label in "ABD"]
    record = {"question": "p", "options": choices, "correctAnswer": {"q": "D"}}
    assert read_exam(write(json.dumps(record)))[0].answer == 2
    record["correctAnswer"] = {"q": "C"}
    with pytest.raises(ExamError, match="one of the labels A, B, D, got 'C'"):
        read_exam(write(json.dumps(record)))


def test_answers_that_were_not_recognised_are_told(write):
    exam = read_exam(write("prompt,A,B,Schluessel\np,x,y,A\n"))
    assert "if one of these fields holds them, name it: Schluessel" in exam.notes[0]
    assert read_exam(write("id,prompt,A,B\n1,p,x,y\n")).notes == ()
    options = [{"text": "x", "isCorrect": True}, {"text": "y", "isCorrect": False}]
    record = {"question": "p", "answers": options, "level": 3}
    assert read_exam(write(json.dumps(record))).notes == ()


def test_a_blank_right_option_is_told(write):
    exam = read_exam(write("prompt,A,B,C,D,answer\np,x,y,,z,C\nq,x,y,,z,D\n"))
    assert [len(q.options) for q in exam] == [4, 4]
    assert exam.notes == ("the right option is blank in 1 rows: 1",)


def test_an_option_called_none_can_be_the_answer(write):
    assert exam_of(write, ["None", "red"], ["red", "None", "blue"]).answers.tolist() == [1, 0]


def test_a_text_of_two_options_is_a_fault(write):
    with pytest.raises(ExamError, match="'red' is the text of 2 options"):
        exam_of(write, ["red"], ["red", "red", "blue"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["A)5", "B)6"], ("5", "6")),
        (["(a) x", "(b) y"], ("x", "y")),
        (["A. x", "B. y", "C. z"], ("x", "y", "z")),
        (["1) x", "2) y"], ("x", "y")),
        (["A x", "B y", "C z"], ("x", "y", "z")),
        (["A cat", "B movie"], ("A cat", "B movie")),
        (["A cat", "A dog", "C major"], ("A cat", "A dog", "C major")),
        (["A) x", "C) y"], ("A) x", "C) y")),
        (["A) x", "y"], ("A) x", "y")),
        (["1.5", "2.5"], ("1.5", "2.5")),
        (["A", "B"], ("A", "B")),
        (["1. x", "2. y"], ("x", "y")),
        (["1\uff09x", "2\uff09y"], ("x", "y")),
        (["1\u3001x", "2\u3001y"], ("x", "y")),
        (["(1) only", "(2) only", "(3) only"], ("(1) only", "(2) only", "(3) only")),
        (["A. only", "B.  Only"], ("A. only", "B.  Only")),
        (["1: 2", "2: 3", "3: 4"], ("1: 2", "2: 3", "3: 4")),
        (["1 : 2", "2 : 3"], ("1 : 2", "2 : 3")),
        (["1:2", "2:3"], ("1:2", "2:3")),
        (["1\uff1a2", "2\uff1a3"], ("1\uff1a2", "2\uff1a3")),
    ],
)
def test_own_labels_are_taken_off_where_all_options_have_them(write, options, expected):
    record = {"prompt": "p", "options": options, "answer": "B"}
    exam = read_exam(write(json.dumps(record)))
    assert (exam[0].options, exam[0].answer) == (expected, 1)
    assert bool(exam.notes) == (expected != tuple(options))
    assert read_exam(write(json.dumps(record)), keep_labels=True)[0].options == tuple(options)


def test_labels_of_equal_texts_are_taken_off_where_most_questions_have_labels(write):
    labelled = [f"{letter}) {i}" for i, letter in enumerate("ABC")]
    twice = ["A) x", "B) y", "C) x"]
    rows = [{"prompt": "p", "options": one, "answer": "B"} for one in (labelled, labelled, twice)]
    exam = read_exam(write(json.dumps(rows)))
    assert [q.options for q in exam] == [("0", "1", "2")] * 2 + [("x", "y", "x")]
    exam = read_exam(write(json.dumps(rows[1:])))
    assert exam[1].options == tuple(twice)
    rows[2]["options"] = ["(A) only", "(B) only", "(C) only"]
    assert read_exam(write(json.dumps(rows)))[2].options == tuple(rows[2]["options"])


def test_blank_cells_at_the_end_are_no_options(write):
    text = "id,prompt,A,B,C,D,E,answer\n1,p,w,x,y,z,,B\n2,q,v,w,x,y,z,E\n3,r,True,False,,,,A\n"
    exam = read_exam(write(text))
    assert [len(q.options) for q in exam] == [4, 5, 2]
    with pytest.raises(ExamError, match="of A-D, got 'E'"):
        read_exam(write(text.replace(",B\n", ",E\n")))


def test_all_faulty_rows_are_listed_or_left_out(write):
    rows = [{"prompt": "p", "options": ["x", "y"], "answer": "A"} for _ in range(30)]
    for i in range(3, 28):
        rows[i] = {"prompt": "p", "options": ["x"], "answer": "A"}
    path = write(json.dumps(rows))
    with pytest.raises(ExamError) as caught:
        read_exam(path)
    assert caught.value.row == 4
    text = str(caught.value)
    assert "25 of 30 rows are faulty; also row 5 'options'" in text
    assert text.endswith("--on-faulty skip")
    assert "and 14 more" in text
    exam = read_exam(path, on_faulty="skip")
    assert (len(exam), exam.n_skipped) == (5, 25)
    # Ids stay those of the rows.
    assert exam.ids == ("0", "1", "2", "28", "29")
    assert exam.subset([0]).n_skipped == 25


def test_faulty_rows_of_several_files_are_named_with_their_files(tmp_path):
    for name in ("a", "b"):
        text = "id,prompt,A,B,answer\n1,p,x,y,A\n2,p,x,y,F\n"
        (tmp_path / f"{name}.csv").write_text(text)
    with pytest.raises(ExamError, match=r"a\.csv row 2 .*also \S*b\.csv row 2 'answer'"):
        read_exam(tmp_path)
    (note,) = read_exam(tmp_path, on_faulty="skip").notes
    assert f"{tmp_path / 'a.csv'} row 2" in note


def test_an_exam_of_faulty_rows_only_fails(write):
    with pytest.raises(ExamError, match="got 1"):
        read_exam(write('{"prompt": "p", "options": ["x"]}'), on_faulty="skip")


def test_a_limit_and_a_sample_keep_ids_and_order(write):
    text = "prompt,A,B\n" + "p,x,y\n" * 50
    path = write(text)
    assert read_exam(path, limit=3).ids == ("0", "1", "2")
    drawn = read_exam(path, sample=5, seed=1).ids
    assert len(drawn) == 5
    assert list(map(int, drawn)) == sorted(map(int, drawn))
    assert drawn == read_exam(path, sample=5, seed=1).ids != read_exam(path, sample=5, seed=2).ids
    assert len(read_exam(path, sample=99)) == 50
    with pytest.raises(ExamError, match="at least 1 question"):
        read_exam(path, limit=0)
