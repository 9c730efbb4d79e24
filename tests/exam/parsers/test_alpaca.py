import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam
from llmexam.exam.parsers.alpaca import INSTRUCTION, parse_input


def record(output, text="Question: p\nA:cat\nB:A cat\nC:dog", **fields):
    return {"instruction": INSTRUCTION, "input": text, "output": output, **fields}


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("C", 2),
        ("c ", 2),
        ("B: A cat", 1),
        ("B) A cat", 1),
        ("(B) A cat", 1),
        ("B. anything", 1),
        ("dog", 2),
        ("C dog", 2),
        ("", None),
    ],
)
def test_answers_as_people_write_them(write, output, answer):
    exam = read_exam(write(json.dumps([record(output)]), "exam.json"))
    assert exam.format == "alpaca"
    assert exam[0].answer == answer


@pytest.mark.parametrize("output", ["D", "D: cat", "bird", "A cat", "E"])
def test_answers_that_are_none_or_could_be_two(write, output):
    with pytest.raises(ExamError, match="one of A-C or the text of an option") as caught:
        read_exam(write(json.dumps([record("A"), record(output)])))
    assert (caught.value.row, caught.value.field) == (2, "output")


def test_json_lines_spaces_after_colons_and_other_instructions(write):
    lines = [record("B", "Question: p\nA: x\nB: y", instruction="Choose."), record("A", id="k")]
    exam = read_exam(write("\n".join(json.dumps(one) for one in lines)))
    assert exam[0].options == ("x", "y")
    assert dict(exam[0].metadata) == {"instruction": "Choose."}
    assert exam.ids == ("0", "k")


def test_texts_may_hold_line_breaks_and_markers():
    text = "Question: Look:\nA: old\nB: old\nWhich?\nA:one\ntwo, B: three\nB:x\nA:y\nC:z"
    prompt, options = parse_input(text)
    assert prompt == "Look:\nA: old\nB: old\nWhich?"
    assert options == ("one\ntwo, B: three", "x\nA:y", "z")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([record("A", "What?")], "expected 'Question:'"),
        ([record("A", "Question: p\nA:x")], "at least two lines"),
        ([{"instruction": "i", "output": "A"}], "'input' is missing"),
        ([1], "expected a JSON object"),
        ([], "has no questions"),
    ],
)
def test_faults(write, content, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(json.dumps(content)))


def test_a_cut_list(write):
    with pytest.raises(ExamError, match=r"exam\.csv: the list: invalid JSON"):
        read_exam(write('[{"instruction": "i", "in'))


def test_a_key_that_stands_twice_is_refused(write):
    text = json.dumps([record("C")]).replace('"output": "C"', '"output": "A", "output": "C"')
    with pytest.raises(ExamError, match="the list: key 'output' appears twice in one object"):
        read_exam(write(text, "exam.json"))
