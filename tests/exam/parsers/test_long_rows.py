"""Files with one row per option."""

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam


def read(write, *rows, header="prompt,option,label", **reading):
    return read_exam(write("\n".join([header, *rows])), **reading)


def test_equal_questions_without_ids_are_not_one_question(write):
    rows = ("Which?,a,1", "Which?,b,0", "Which?,c,0", "Which?,d,1")
    with pytest.raises(ExamError, match=r"several options are right.*Add a column 'id'"):
        read(write, *rows)
    # An option that appears again begins another question.
    exam = read(write, *rows[:2], "Which?,b,1", "Which?,a,0")
    assert [(q.options, q.answer) for q in exam] == [(("a", "b"), 0), (("b", "a"), 0)]


def test_several_right_options_without_ids_where_most_questions_have_them(write):
    rows = [f"q{i},{option},{int(option != 'c')}" for i in range(3) for option in "abc"]
    assert [q.right for q in read(write, *rows)] == [(0, 1)] * 3
    rows = [*rows[:3], "x,a,1", "x,b,0", "y,a,1", "y,b,0", "z,a,0", "z,b,1"]
    exam = read(write, *rows, on_faulty="skip")
    assert ([q.prompt for q in exam], exam.n_skipped) == (["x", "y", "z"], 1)


@pytest.mark.parametrize("name", ["id", "question_id", "QID"])
def test_ids_tell_equal_questions_apart(write, name):
    rows = ("1,Which?,a,1", "1,Which?,b,0", "2,Which?,c,0", "2,Which?,d,1")
    exam = read(write, *rows, header=f"{name},Prompt,Option,Label")
    assert [(q.id, q.options, q.answer) for q in exam] == [
        ("1", ("a", "b"), 0),
        ("2", ("c", "d"), 1),
    ]


def test_one_id_with_several_questions_is_a_fault(write):
    with pytest.raises(ExamError, match="id '1' have different questions"):
        read(write, "1,p,a,1", "1,q,b,0", header="id,prompt,option,label")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("prompt,option,label,is_correct", ("p,x,A,0", "p,y,B,1", "q,x,A,1", "q,z,B,0")),
        ("prompt,option,label,Correct", ("p,x,A,False", "p,y,B,True", "q,x,A,true", "q,z,B,")),
        ("prompt,option,label,answer", ("p,x,A,B", "p,y,B,B", "q,x,A,A", "q,z,B,A")),
        ("prompt,option,label,correct", ("p,x,A,B", "p,y,B,B", "q,x,A,A", "q,z,B,A")),
        ("prompt,option,label,answer_key", ("p,x,1,2", "p,y,2,2", "q,x,1,1", "q,z,2,1")),
    ],
)
def test_labels_that_are_names_of_options(write, header, rows):
    exam = read(write, *rows, header=header)
    assert [(q.options, q.answer) for q in exam] == [(("x", "y"), 1), (("x", "z"), 0)]


@pytest.mark.parametrize("labels", ["AB", "12", ("0.9", "0.1")])
def test_labels_that_tell_no_right_option_are_a_fault(write, labels):
    with pytest.raises(ExamError, match=r"expected 1 for a right and 0 for a wrong option"):
        read(write, f"p,x,{labels[0]}", f"p,y,{labels[1]}")


def test_a_faulty_row_makes_its_question_faulty(write):
    rows = ("p,x,1", "p,y", "p,z,0", "q,x,1", "q,y,0", "r,x,1", "r,y,0", "s")
    exam = read(write, *rows, on_faulty="skip")
    assert ([q.prompt for q in exam], exam.n_skipped) == (["q"], 4)
