import pytest

from llmexam.errors import ModelError, SettingsError
from llmexam.exam.question import Question
from llmexam.solvers.prompts.template import template_names
from llmexam.solvers.registry import create_solver


@pytest.fixture
def write(folder, tmp_path):
    def made(**fields):
        path = tmp_path / "mine.yaml"
        path.write_text("".join(f"{name}: {value!r}\n" for name, value in fields.items()))
        return create_solver("causal-lm", {"model": str(folder), "template": str(path)})

    return made


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mode": "letters", "question": "{{ prompt }}", "answer": " X"}, "{{ letter }}"),
        ({"mode": "options", "question": "{{ prompt }}", "answer": " fixed"}, "{{ option }}"),
        (
            {
                "mode": "yes-no",
                "question": "{{ prompt }} {{ option }}",
                "answer": " y",
            },
            "{{ verdict }}",
        ),
        (
            {"mode": "yes-no", "question": "{{ prompt }}", "answer": " {{ verdict }}"},
            "{{ option }}",
        ),
        ({"mode": "binary-head", "question": "{{ prompt }}"}, "{{ option }}"),
        (
            {"mode": "letters", "question": "always the same", "answer": " {{ letter }}"},
            "{{ prompt }}",
        ),
    ],
)
def test_templates_that_tell_nothing_apart_are_refused(write, fields, told):
    with pytest.raises(SettingsError, match=told) as refused:
        write(**fields)
    assert refused.value.field == "template"


@pytest.mark.parametrize("name", template_names())
def test_templates_of_ours_tell_all_apart(folder, name):
    create_solver("causal-lm", {"model": str(folder), "template": name})


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"template": "options", "rotations": 3}, "rotations"),
        ({"template": "yes_no", "calibrate": True}, "calibrate"),
        ({"template": "letters", "norm": "pmi"}, "norm"),
    ],
)
def test_settings_that_no_one_reads_are_refused(folder, settings, field):
    with pytest.raises(SettingsError, match="does not use this setting") as refused:
        create_solver("causal-lm", {"model": str(folder), **settings})
    assert refused.value.field == field


def test_a_question_that_is_too_long_is_named(folder):
    asked = Question("q7", "Why? " * 3000, ("one", "other"))
    with pytest.raises(ModelError, match=r"question 'q7' is [\d,]+ tokens longer"):
        create_solver("causal-lm", {"model": str(folder)}).score([asked])
