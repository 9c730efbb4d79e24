"""Small exams to grade."""

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question


def make_exam(answers, n_options=5, **fields):
    options = tuple(f"option {letter}" for letter in "ABCDEFGH"[:n_options])
    return Exam(
        tuple(
            Question(f"q{i}", f"What is {i}?", options, answer, **fields)
            for i, answer in enumerate(answers)
        )
    )


@pytest.fixture(name="make_exam")
def _make_exam():
    return make_exam
