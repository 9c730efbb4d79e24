"""Prompts as models read them, made again from the plan without a model."""

import json

import pytest

from llmexam.exam.question import Passage, Question
from llmexam.lm.models.card import CARD_FILE
from llmexam.workflows.browse.prompts import planned_solvers, solver_prompts

QUESTION = Question(
    "q1",
    "Why is the sky blue?",
    ("It is a mirror.", "Air scatters blue light most.", "It is painted."),
    1,
    (Passage("Short waves are scattered most.", "Light"), Passage("Second.", "Other")),
)


def prompts(solver, is_truncated=False, **settings):
    planned = {"solver": solver, "name": "mine", "settings": settings}
    return solver_prompts(planned, QUESTION, is_truncated=is_truncated)


def test_the_prompt_of_a_decoder_has_question_options_and_passages():
    found = prompts("causal-lm", model="/nowhere", passages=1)
    assert found.solver == "mine"
    (one,) = found.prompts
    assert QUESTION.prompt in one.text
    assert all(option in one.text for option in QUESTION.options)
    assert "Short waves" in one.text
    assert "Second." not in one.text
    assert "A" in one.label
    assert found.note == ""


def test_rotations_are_prompts_of_their_own():
    assert len(prompts("causal-lm", model="/nowhere", rotations=3).prompts) == 3


def test_notes_say_what_the_model_read_beside_or_less():
    found = prompts("causal-lm", model="/nowhere", chat=True, is_truncated=True)
    assert "chat template" in found.note
    assert "truncated" in found.note


def test_the_messages_to_an_endpoint(monkeypatch):
    found = prompts("openai", model="some", base_url="http://127.0.0.1:1/v1", rotations=2)
    assert len(found.prompts) == 2
    assert "[user]" in found.prompts[0].text
    assert QUESTION.prompt in found.prompts[0].text
    assert found.prompts[1].label.endswith("BCA")


def test_a_template_file_is_not_read(tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("mode: letters\nquestion: the secret\nanswer: '{{ letter }}'\n")
    for solver in ("causal-lm", "openai"):
        found = prompts(
            solver, model="some", base_url="http://127.0.0.1:1/v1", template=str(secret)
        )
        assert found.prompts == ()
        assert "secret" not in found.note


@pytest.mark.parametrize("solver", ["cross-encoder", "multiple-choice"])
def test_a_model_that_is_gone_is_told(solver):
    found = prompts(solver, model="/nowhere/at/all")
    assert found.prompts == ()
    assert "no longer there" in found.note


def test_a_reader_reads_pairs_as_its_card_says(tmp_path):
    encoding = {"max_tokens": 64, "layout": "prompt+evidence|option", "evidence": "whole"}
    values = {"family": "cross-encoder", "base_model": "x", "base_weights_hash": "0" * 64}
    (tmp_path / CARD_FILE).write_text(json.dumps({**values, "encoding": encoding}))
    found = prompts("cross-encoder", model=str(tmp_path))
    assert len(found.prompts) == 3
    assert "Short waves are scattered most. Second." in found.prompts[0].text
    assert "[second text]\nAir scatters" in found.prompts[1].text
    assert "64 tokens" in found.note


def test_solvers_without_prompts_say_so():
    assert "compares words" in prompts("lexical").note
    assert prompts("none of ours").prompts == ()


@pytest.mark.parametrize("content", ["", "[]", "solvers: 3", "a: [", "solvers: [1, 2]"])
def test_a_plan_that_cannot_be_read_has_no_solvers(tmp_path, content):
    (tmp_path / "plan.yaml").write_text(content)
    assert planned_solvers(tmp_path) == ()
