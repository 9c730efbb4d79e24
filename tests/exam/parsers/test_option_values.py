"""Options of a record, in every way that files write them."""

import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam


def first_of(write, record, **reading):
    """Return the first question of a file with one record."""
    return read_exam(write(json.dumps(record), "exam.json"), **reading)[0]


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({"A": 4, "B": 5, "C": 6, "D": 7}, ("4", "5", "6", "7")),
        ({"A": 0, "B": 1}, ("0", "1")),
        ({"A": True, "B": False}, ("true", "false")),
        ({"1": 0.5, "2": 0.25}, ("0.5", "0.25")),
        ({"option_a": 0, "option_b": 1}, ("0", "1")),
    ],
)
def test_numbers_under_labels_are_options(write, options, texts):
    record = {"question": "q", "options": options, "answer": list(options)[1]}
    assert (first_of(write, record).options, first_of(write, record).right_options) == (texts, (1,))
    record = {"question": "q", "options": options, "answer_idx": list(options)[1], "answer": None}
    assert (first_of(write, record).options, first_of(write, record).answer) == (texts, 1)


@pytest.mark.parametrize(
    ("field", "scores", "right"),
    [
        ("options", {"Paris": 1, "Rome": 0}, (0,)),
        ("choices", {"Paris": False, "Rome": True}, (1,)),
        ("target_scores", {"1": 0, "2": 1}, (1,)),
        ("target_scores", {"A": 3, "B": 7}, (1,)),
        ("mc1_targets", {"a": 1, "b": 0}, (0,)),
    ],
)
def test_scores_of_texts_say_which_are_right(write, field, scores, right):
    question = first_of(write, {"question": "q", field: scores})
    assert (question.options, question.right_options) == (tuple(scores), right)


def test_numbers_that_are_neither_options_nor_scores_are_refused(write):
    record = {"question": "q", "options": {"Paris": 10, "Rome": 3}, "answer": "Paris"}
    with pytest.raises(ExamError, match="from text to score, got 'Paris': 10"):
        first_of(write, record)


@pytest.mark.parametrize(
    ("keys", "rows", "answer", "texts"),
    [
        (("option", "content"), (("A", "Paris"), ("B", "Rome")), "B", ("Paris", "Rome")),
        (("option", "value"), (("A", "Paris"), ("B", "Rome")), "B", ("Paris", "Rome")),
        (("choice", "content"), ((1, "Paris"), (2, "Rome")), 2, ("Paris", "Rome")),
        (("value", "label"), (("A", "Paris"), ("B", "Rome")), "B", ("Paris", "Rome")),
        (("value", "text"), (("A", "Paris"), ("B", "Rome")), "B", ("Paris", "Rome")),
        (("label", "option"), (("A", "Paris"), ("B", "Rome")), "B", ("Paris", "Rome")),
        # Vitamins, and numbers in order.
        (("text", "id"), (("A", "v1"), ("B", "v2")), "v2", ("A", "B")),
        (("label", "text"), (("A", "1"), ("B", "2")), "B", ("1", "2")),
        (("label", "option"), (("A", "1"), ("B", "2")), "B", ("1", "2")),
    ],
)
def test_the_key_of_texts_is_told_from_that_of_labels(write, keys, rows, answer, texts):
    options = [dict(zip(keys, row, strict=True)) for row in rows]
    question = first_of(write, {"question": "q", "options": options, "answer": answer})
    assert (question.options, question.answer) == (texts, 1)


@pytest.mark.parametrize("values", [("TRUE", "FALSE"), ("yes", "no"), (1.0, 0), ("True", None)])
def test_truth_values_of_options_in_any_spelling(write, values):
    options = [{"text": t, "is_correct": v} for t, v in zip("xy", values, strict=True)]
    assert first_of(write, {"question": "q", "options": options}).answer == 0
    options[1]["is_correct"] = "maybe"
    with pytest.raises(ExamError, match="expected true or false, got 'maybe'"):
        first_of(write, {"question": "q", "options": options})
