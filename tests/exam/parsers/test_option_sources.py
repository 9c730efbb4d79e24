"""Which fields of a file hold its options."""

import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

CITIES = ["Paris", "Rome", "Bonn", "Oslo"]


def first_of(write, record, **reading):
    """Return the first question of a file with one record."""
    return read_exam(write(json.dumps(record), "exam.json"), **reading)[0]


@pytest.mark.parametrize(
    "record",
    [
        {"options": CITIES, "answer": "A", "distractors": CITIES[1:]},
        {"options": CITIES, "answer": "Paris", "distractors": CITIES[1:]},
        {"options": CITIES, "answer": "A", "distractors": ["B", "C", "D"]},
        {"options": CITIES, "answer": 0, "incorrect": 30, "correct": 120},
        {"answers": CITIES, "correct_answer": "Paris", "incorrect_answers": CITIES[1:]},
        {**dict(zip("ABCD", CITIES, strict=True)), "answer": "A", "wrong": 3, "correct": 12},
        {
            **{f"option{i}": city for i, city in enumerate(CITIES, 1)},
            "correct_option": "A",
            "incorrect": "30",
        },
    ],
)
def test_a_list_of_all_options_comes_before_distractors(write, record):
    question = first_of(write, {"question": "Capital of France?", **record})
    assert (question.options, question.answer) == (tuple(CITIES), 0)


def test_letter_columns_come_before_counts_of_replies(write):
    text = "question,A,B,C,D,answer,correct,incorrect\nq,w,x,y,z,B,120,30\n"
    question = read_exam(write(text))[0]
    assert (question.options, question.answer) == (("w", "x", "y", "z"), 1)
    assert dict(question.metadata) == {"correct": "120", "incorrect": "30"}


@pytest.mark.parametrize(
    "record",
    [
        {"correct_answer": "Paris", "answers": ["Paris", "paris"], "distractors": CITIES[1:]},
        {"correct_answer": "Paris", "distractors": CITIES[1:], "options": ["Paris"]},
        {"answer": "4", "distractors": [3, 5, 6]},
        {"answer": "A", "distractors": ["B", "E", "K"]},
    ],
)
def test_distractors_are_read_where_no_list_has_all_options(write, record):
    question = first_of(write, {"question": "q", **record})
    right = record.get("correct_answer", record.get("answer"))
    assert sorted(question.options) == sorted([right, *map(str, record["distractors"])])
    assert question.options[question.answer] == right


def test_a_letter_beside_distractors_is_no_option(write):
    with pytest.raises(ExamError, match="is missing; found: question, answer, distractors"):
        first_of(write, {"question": "q", "answer": "A", "distractors": CITIES[1:]})


@pytest.mark.parametrize("others", [["[0, 2]", "[1, 2]", "(0, 1)"], ["['x']", "[2]", "[]"]])
def test_distractors_that_look_like_lists_stay_whole(write, others):
    names = ["distractor1", "distractor2", "distractor3"]
    record = {"question": "q", "correct_answer": "[0, 1]"}
    question = first_of(write, {**record, **dict(zip(names, others, strict=True))})
    assert sorted(question.options) == sorted(["[0, 1]", *others])
    question = first_of(write, {**record, "distractors": others})
    assert sorted(question.options) == sorted(["[0, 1]", *others])
    question = first_of(write, {**record, "distractors": json.dumps(others)})
    assert sorted(question.options) == sorted(["[0, 1]", *others])


def test_one_distractor_that_looks_like_the_right_answer_is_no_list(write):
    question = first_of(write, {"question": "q", "correct_answer": "[0, 1]", "wrong": "[0, 2]"})
    assert sorted(question.options) == ["[0, 1]", "[0, 2]"]
    question = first_of(write, {"question": "q", "correct_answer": "wine", "wrong": "['x', 'y']"})
    assert sorted(question.options) == ["wine", "x", "y"]


def test_options_and_distractors_are_not_both_mapped(write):
    record = {"ask": "q", "all": CITIES, "right": "Paris", "others": CITIES[1:]}
    fields = {"prompt": "ask", "options": "all", "answer": "right", "distractors": "others"}
    with pytest.raises(ExamError, match="options and distractors are both mapped"):
        first_of(write, record, fields=fields)
