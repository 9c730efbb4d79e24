import csv
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import LongRow, to_long, what_is_lost, write_exam

ODD = [
    "",
    " ",
    "None",
    "NA",
    "null",
    "nan",
    '"',
    '""',
    "'",
    ",",
    "a,b",
    "x\ny",
    "x\r\ny",
    "\r",
    "\ufeff",
    "é\u2028z",
    "B: no",
    "x\nB: y",
    "\nA:",
    "-5",
    "- a",
    "=1+1",
    "0",
    "日本語",
    "\\n",
    "a\tb",
    "A",
]
texts = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12),
)
ids = st.one_of(st.sampled_from(["0", "None", "a,b", 'q"1"', "x y"]), texts).filter(
    lambda text: text.strip() != ""
)


@st.composite
def exams(draw, *, passages=False, metadata=False):
    size = draw(st.integers(2, 26))
    labelled = draw(st.booleans())
    keys = ["source", "grade 1"] if metadata else []
    names = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    return Exam(
        tuple(
            Question(
                id=name,
                prompt=draw(texts),
                options=tuple(draw(st.lists(texts, min_size=size, max_size=size))),
                answer=draw(st.integers(0, size - 1)) if labelled else None,
                passages=tuple(
                    Passage(draw(texts), draw(texts), draw(ids), draw(st.none() | st.floats(-9, 9)))
                    for _ in range(draw(st.integers(0, 2)) if passages else 0)
                ),
                metadata={key: draw(texts) for key in keys},
            )
            for name in names
        )
    )


TWO = Exam((Question("a", "p", ("x", "y"), 1), Question("b", "q", ("x", "y", "z"), 0)))


def there_and_back(exam, form, *, format=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exam"
        write_exam(path, exam, format=form)
        return read_exam(path, format=format)


@settings(max_examples=40, deadline=None)
@given(exams(metadata=True))
def test_kaggle_round_trip(exam):
    assume(all(question.options[-1].strip() for question in exam))
    back = there_and_back(exam, "kaggle")
    assert back.questions == exam.questions
    assert back.format == "kaggle"


def test_kaggle_keeps_numbers_of_options_and_unknown_answers():
    exam = Exam((*TWO.questions, Question("c", "r", ("x", "y"))))
    assert there_and_back(exam, "kaggle").questions == exam.questions


@settings(max_examples=40, deadline=None)
@given(exams(passages=True, metadata=True))
def test_jsonl_round_trip(exam):
    assert there_and_back(exam, "jsonl").questions == exam.questions


@settings(max_examples=50, deadline=None)
@given(exams())
def test_alpaca_round_trip_or_a_clear_error(exam):
    fault = ""
    try:
        back = there_and_back(exam, "alpaca")
    except ExamError as error:
        fault = str(error)
    if fault:
        assert "could not be read back" in fault
        assert any(re.search(r"\n[A-Z]:", text) for q in exam for text in (q.prompt, *q.options))
        return
    assert [(q.prompt, q.options, q.answer) for q in back] == [
        (q.prompt, q.options, q.answer) for q in exam
    ]


def test_alpaca_keeps_line_breaks_markers_and_leading_spaces():
    options = (" one\nB one", " two: A: x", " \nthree")
    exam = Exam((Question("0", "Lines:\nA: x\n", options, 2),))
    assert there_and_back(exam, "alpaca").questions == exam.questions


def test_alpaca_refuses_what_it_could_not_read_back():
    exam = Exam((Question("0", "p", ("x", "y\nC: looks like a third"), 0),))
    with pytest.raises(ExamError, match="'0' contains a line") as caught:
        there_and_back(exam, "alpaca")
    assert caught.value.row == 1


def test_kaggle_context_survives():
    passages = (Passage("One:\n- a", title="T"), Passage("-2"))
    exam = Exam((Question("0", "p", ("x", "y"), 0, passages), Question("1", "q", ("x", "y"), 1)))
    back = there_and_back(exam, "kaggle")
    assert [p.text for p in back[0].passages] == ["One:\n - a", "-2"]
    assert back[1].passages == ()
    assert what_is_lost(exam, "kaggle") == ("titles, ids and scores of passages",)


def test_what_is_lost():
    exam = Exam((Question("a", "p", ("x", "y"), 0, (Passage("t"),), {"k": "v"}),))
    assert what_is_lost(exam, "alpaca") == ("ids", "passages", "metadata")
    assert what_is_lost(exam, "long") == ("passages", "metadata")
    assert what_is_lost(exam, "jsonl") == ()


@pytest.mark.parametrize(
    ("exam", "form", "words"),
    [
        (Exam((Question("a", "p", ("x", " ")),)), "kaggle", "last option of question 'a' is blank"),
        (Exam((Question("a", "p\0", ("x", "y"), 0),)), "kaggle", "NUL"),
        (Exam((Question("a", "p", ("x", "y"), metadata={"A": "v"}),)), "kaggle", "metadata 'A'"),
        (Exam((Question("a", "p", ("x", "y")),)), "long", "'a' has no answer"),
        (Exam(()), "jsonl", "without questions"),
        (TWO, "jsnl", "Did you mean 'jsonl'"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(tmp_path, exam, form, words):
    with pytest.raises(ExamError, match=words):
        write_exam(tmp_path / "out", exam, format=form)
    assert list(tmp_path.iterdir()) == []


def test_long_form_has_a_row_an_option(tmp_path):
    assert to_long(TWO) == [
        LongRow("a", "p", "x", 0),
        LongRow("a", "p", "y", 1),
        LongRow("b", "q", "x", 1),
        LongRow("b", "q", "y", 0),
        LongRow("b", "q", "z", 0),
    ]
    write_exam(tmp_path / "long.csv", TWO, format="long")
    with (tmp_path / "long.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["id", "prompt", "option", "label"]
    assert rows[2] == ["a", "p", "y", "1"]
    assert len(rows) == 6


SEVERAL = Exam(
    (
        Question("1", "Which melt?", ("ice", "sand", "wax"), 0, right=(0, 2)),
        Question("2", "What burns?", ("wood", "sand"), 0),
    )
)


def test_several_right_options_are_written_and_read_again(tmp_path):
    write_exam(tmp_path / "exam.jsonl", SEVERAL, format="jsonl")
    assert read_exam(tmp_path / "exam.jsonl").questions == SEVERAL.questions
    assert [row.label for row in to_long(SEVERAL)] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("format", ["kaggle", "alpaca"])
def test_formats_of_one_answer_refuse_several(tmp_path, format):
    path = tmp_path / "exam"
    exam = SEVERAL.subset([0])
    with pytest.raises(ExamError, match=r"'1' has several right options \(A, C\), which"):
        write_exam(path, exam, format=format)
    assert not path.exists()
