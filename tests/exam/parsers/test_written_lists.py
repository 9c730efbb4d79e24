"""Options that are written in one cell."""

import csv
import io

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam
from llmexam.exam.parsers.written_lists import parsed_list, separator_of


def table(write, *rows, header=("question", "options", "answer")):
    """Return a CSV file with these rows."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return write(text.getvalue())


def test_a_comma_inside_an_option_is_a_fault_wherever_it_is(write):
    path = table(write, *[("q", "a, b, c, d", "A")] * 60, ("late", "1,000, 2,000, 30, 40", "B"))
    with pytest.raises(ExamError, match=r"row 61 .*expected 4 options separated by commas.*got 6"):
        read_exam(path)
    exam = read_exam(path, on_faulty="skip")
    assert ({q.options for q in exam}, exam.n_skipped) == ({("a", "b", "c", "d")}, 1)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("x|y||z|w", ("x", "y", "", "z", "w")),
        ("x; ; y;z", ("x", "", "y", "z")),
        ("|x|y|z|", ("x", "y", "z")),
        ("x|y|z||", ("x", "y", "z")),
        ("x\n\ny\nz", ("x", "y", "z")),
    ],
)
def test_blank_parts_in_the_middle_are_options(write, cell, options):
    exam = read_exam(table(write, ("q", cell, "A"), ("r", cell, "B")))
    assert [(q.options, q.answer) for q in exam] == [(options, 0), (options, 1)]


@pytest.mark.parametrize("separator", ["\n", "|", ";"])
def test_another_number_of_options_than_usual_is_told(write, separator):
    four = separator.join("abcd")
    rows = [("q", four, "A")] * 5
    exam = read_exam(table(write, *rows, ("r", separator.join("abcde"), "B")))
    assert "most questions have 4 of them, but those of 1 rows have more or fewer" in exam.notes[-1]
    assert exam.notes[-1].endswith(": 6")
    assert not read_exam(table(write, *rows)).notes


ARRAY = "array(['a, b', \"c's\", 'd (array([1]), dtype=x)'], dtype=object)"
UNICODE_ARRAY = ARRAY.replace("object", "'<U9'")
LABELS = "array(['A', 'B', 'C'], dtype=object)"
TEXTS = ("a, b", "c's", "d (array([1]), dtype=x)")


@pytest.mark.parametrize(
    "header",
    [
        ("id", "question", "choices", "answerKey"),
        ("id", "question_stem", "choices", "answerKey"),
        ("question_concept", "question", "choices", "answerKey"),
        ("id", "query", "options", "answer"),
    ],
)
@pytest.mark.parametrize(
    "cell",
    [
        f"{{'text': {ARRAY}, 'label': {LABELS}}}",
        f"{{'label': {LABELS},\n 'text': {UNICODE_ARRAY}}}",
        f"{{'text': {list(TEXTS)}, 'label': ['A' 'B' 'C']}}",
    ],
)
def test_objects_with_arrays_are_read(write, header, cell):
    question = read_exam(table(write, ("i", "q", cell, "B"), header=header))[0]
    assert (question.options, question.answer) == (TEXTS, 1)


@pytest.mark.parametrize("cell", ["{'text': ['a', 'b'", "{a, b, c}", "[a, b, c", "['a', nan, x]"])
def test_a_damaged_list_is_not_cut_at_its_commas(write, cell):
    with pytest.raises(ExamError, match="is missing"):
        read_exam(table(write, ("q", cell, "B"), header=("question", "choices", "answerKey")))


def test_closed_brackets_can_be_separated():
    assert separator_of(["[0, 1]; [1, 2]", "[2, 3]; (0, 1)"]).text == ";"
    assert separator_of(["[0, 1], [1, 2]"]) is None


@pytest.mark.parametrize("text", ["'" * 50_000, "{" + "\\'" * 20_000, "[" + "'a' " * 9_000 + "x"])
def test_odd_texts_are_no_lists(text):
    assert parsed_list(text) is None
