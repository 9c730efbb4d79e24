from pathlib import Path

import pytest

from llmexam.errors import SettingsError
from llmexam.exam.question import Question
from llmexam.solvers.causal_lm.asking import asking_of
from llmexam.solvers.prompts.template import read_template, template_names

GOLDEN = Path(__file__).parent / "golden"
QUESTION = Question(
    "q1",
    "Which force holds planets in their orbits?",
    ("Gravity", "Friction", "Magnetism {{ not }} rendered"),
    answer=0,
)


def rendered(name):
    """Every ask of a template, with and without context, and its answers."""
    template = read_template(name)
    asking = asking_of(template, norm="byte", n_rotations=2, calibrate=True)
    pieces = []
    for context in ("", "Planets fall around the Sun."):
        for ask in asking.asks(QUESTION)[:2]:
            text = template.render_question(context=context, **ask.names)
            pieces.append(f"{text}|" + "|".join(ask.answers))
    ask, answer = asking.example(QUESTION)
    pieces.append(template.render_question(context="", **ask.names) + answer)
    return "\n=====\n".join(pieces) + "\n"


@pytest.mark.parametrize("name", template_names())
def test_templates_render_as_they_always_did(name):
    assert rendered(name) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_a_template_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mode: options\nquestion: 'Q: {{ prompt }} A:'\nanswer: ' {{ option }}'\n")
    template = read_template(str(path))
    assert template.render_question(prompt="Why?", context="") == "Q: Why? A:"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mode: options\nquestion: '{{ promt }}'\nanswer: a\n", "'promt' is undefined"),
        ("mode: options\nquestion: '{% if %}'\nanswer: a\n", "cannot be rendered"),
        ("mode: options\nquestion: q\nanswr: a\n", "has no setting 'answr'"),
        ("mode: chosen\nquestion: q\nanswer: a\n", "mode"),
        ("mode: options\nquestion: q\n", "mode 'options' needs `answer`"),
        ("mode: binary-head\nquestion: q\nanswer: a\n", "remove `answer`"),
        ("- a\n", "expected a mapping"),
        ("a: [\n", "invalid YAML, line 2"),
        ("mode: options\nquestion: q\nanswer: a\nquestion: b\n", "key 'question' appears twice"),
        ("mode: options\nquestion: '{{ 1 / 0 }}'\nanswer: a\n", "division by zero"),
        (
            "mode: options\nquestion: q\nanswer: '{% for i in range(10**9) %}a{% endfor %}'\n",
            "field 'answer': template cannot be rendered: a number is larger than 1,000,000",
        ),
        ("mode: options\nquestion: '{{ prompt.__class__.__mro__ }}'\nanswer: a\n", "unsafe"),
    ],
)
def test_templates_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message) as caught:
        read_template(str(path))
    assert "mine.yaml" in str(caught.value)


def test_a_template_that_fails_with_a_question_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "mode: letters\nquestion: '{{ 1 // (prompt | length - 4) }} {{ prompt }}'\n"
        "answer: '{{ letter }}{{ option }}'\n"
    )
    template = read_template(str(path))
    assert template.render_question(prompt="Why not?", context="") == "0 Why not?"
    with pytest.raises(SettingsError, match=r"mine\.yaml field 'question'.*division"):
        template.render_question(prompt="Why?", context="")
    with pytest.raises(SettingsError, match=r"mine\.yaml field 'answer'.*'option' is undefined"):
        template.render_answer(letter="A")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(SettingsError, match="'letters'"):
        read_template("leters")


def test_a_file_that_is_not_there():
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        read_template("absent.yaml")


@pytest.mark.parametrize("name", ["letters", "options", "yes_no", "pairs", "letters_instructed"])
def test_a_space_around_an_option_is_not_shown_to_models(name):
    template = read_template(name)
    plain, spaced = (
        {
            "prompt": "p",
            "context": "c",
            "options": [{"letter": "A", "text": text}, {"letter": "B", "text": "b"}],
            "option": text,
            "letter": "A",
            "verdict": "yes",
        }
        for text in ("a", " a\t")
    )
    assert template.render_question(**spaced) == template.render_question(**plain)
    assert template.render_answer(**spaced) == template.render_answer(**plain)
