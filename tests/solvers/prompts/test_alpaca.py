"""Template `alpaca` against what `llmexam convert --to alpaca` writes, in the usual wrapper."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers.alpaca import INSTRUCTION, render_input
from llmexam.exam.question import Question
from llmexam.exam.writers import WRITERS
from llmexam.solvers.causal_lm.asking import asking_of
from llmexam.solvers.prompts.template import read_template
from llmexam.solvers.prompts.wording import as_text

# What trainings of this form put around a record (github.com/tatsu-lab/stanford_alpaca).
WRAPPER = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n{output}"
)
TEMPLATE = read_template("alpaca")
QUESTION = Question(
    "0", "Which force holds\nplanets?\n", ("Gravity", " Friction", "{{ x }}\n"), answer=2
)


def converted(question):
    """The text that a model is trained on which gets the converted file."""
    (record,) = json.loads(WRITERS["alpaca"](Exam([question])))
    return WRAPPER.format(**record)


def asked(question, context=""):
    """The text that a solver puts before a model, and the right answer behind it."""
    asking = asking_of(TEMPLATE, norm="byte", n_rotations=1, calibrate=False)
    (ask,) = asking.asks(question)
    put = TEMPLATE.render_question(context=context, **ask.names)
    text = as_text(TEMPLATE.instructions, (), put, separator=TEMPLATE.separator)
    return text + ask.answers[question.answer]


@pytest.mark.parametrize(
    "options",
    [
        QUESTION.options,
        ("2", "3"),
        (" both open", " with a space"),
        (" one", "does not"),
        tuple("abcdefghij"),
        ("", " "),
    ],
)
def test_a_converted_file_and_the_template_read_the_same(options):
    question = Question("0", QUESTION.prompt, options, answer=1)
    assert asked(question) == converted(question)


TEXT = st.text(st.sampled_from(" \nA:b{}%#é"), max_size=8)


@given(TEXT, st.lists(TEXT, min_size=2, max_size=5), st.data())
def test_odd_texts_too(prompt, options, data):
    answer = data.draw(st.integers(0, len(options) - 1))
    question = Question("0", prompt, tuple(options), answer=answer)
    try:
        expected = converted(question)
    except ExamError:
        # No converted file can hold it.
        return
    assert asked(question) == expected


def test_evidence_stands_before_the_question_in_the_input():
    head = "### Input:\nPlanets fall.\n\n"
    bare = asked(QUESTION)
    assert asked(QUESTION, "Planets fall.") == bare.replace("### Input:\n", head)


def test_the_template_says_the_instruction_of_the_converter():
    assert INSTRUCTION in TEMPLATE.question
    assert f"### Input:\n{render_input(QUESTION.prompt, QUESTION.options)}\n\n" in asked(QUESTION)
