"""Questions as people paste them."""

import pytest

from llmexam.errors import ExamError
from llmexam.workflows.trial.pasted import make_question, parse_question

ANSWERED = ("Which gas?", ("oxygen", "carbon dioxide", "helium"), 1)


@pytest.mark.parametrize(
    "text",
    [
        "Which gas?\nA) oxygen\nB) carbon dioxide\nC) helium\nAnswer: B",
        "Which gas? A) oxygen B) carbon dioxide C) helium\nCorrect answer: B",
        "1. Which gas?\nA. oxygen\nB. carbon\n   dioxide\nC. helium\n\nANSWER: B",
        "Question 7: Which gas?\r\n(a) oxygen\r\n(b) carbon dioxide\r\n(c) helium\r\nanswer is: b",
        "Which gas?\n1) oxygen\n2) carbon dioxide\n3) helium\nAnswer: 2",
        "Which gas?\n- oxygen\n- carbon dioxide\n- helium\nAnswer: carbon  Dioxide",
        "Which gas?\n\noxygen\ncarbon dioxide\nhelium\nAnswer: B",
        '{"question": "Which gas?", "choices": '
        '["oxygen", "carbon dioxide", "helium"], "answer": 1}',
        "prompt,A,B,C,answer\nWhich gas?,oxygen,carbon dioxide,helium,B\n",
        "::Q:: Which gas? {~oxygen =carbon dioxide ~helium}",
    ],
)
def test_forms_in_which_people_paste_questions(text):
    found = parse_question(text)
    assert (found.prompt, found.options, found.answer) == ANSWERED


def test_a_question_that_opens_like_an_option_keeps_its_lines():
    found = parse_question("Who wrote it?\nA. Smith said so.\nA. one\nB. two")
    assert (found.prompt, found.options) == ("Who wrote it?\nA. Smith said so.", ("one", "two"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no question"),
        ("hello", "expected 2 to 26 options, got 0"),
        ("A) x\nB) y", "expected 2 to 26 options, got 1"),
        ("Is it?\n" + "\n".join(f"o{i}" for i in range(40)), "got 40"),
        ("Which?\nA) x\nB) y\nAnswer: Q", "expected an answer from A to B"),
        ("x" * 100_001, "expected at most 100,000 characters"),
        ('{"prompt": ', "JSON"),
        ("\x00\x01", "options"),
    ],
)
def test_what_is_no_question_is_an_error(text, message):
    with pytest.raises(ExamError, match=message):
        parse_question(text)


def test_a_question_of_parts():
    found = make_question("Which?", ["x", "y", "", ""], "y")
    assert (found.options, found.answer) == (("x", "y"), 1)
    with pytest.raises(ExamError, match="option A is blank"):
        make_question("Which?", ["", "y"])


@pytest.mark.parametrize(
    "text",
    [
        "Which? " + "A) " * 33_000,
        "Which?\n" + "A) x\n" * 19_000,
        "Which?\n" + "(1) y " * 16_000,
        "q" + " " * 90_000 + "x\na",
    ],
    ids=["inline", "lines", "numbers", "spaces"],
)
def test_a_text_of_many_labels_is_read_in_time(text):
    # With a step for each pair of labels, this would take minutes.
    with pytest.raises(ExamError, match="options, got"):
        parse_question(text)


def test_the_last_complete_run_of_labels_counts():
    text = "Which?\nA) no\nB) no\nA) one\nnote\nC) skipped\nB) two\nC) three"
    assert parse_question(text).options == ("one note C) skipped", "two", "three")
