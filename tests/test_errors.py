import inspect

import pytest

from llmexam import errors
from llmexam.errors import ExamError, LlmExamError, MissingDependencyError, nearest, plural


def test_messages_say_where_what_and_what_to_do():
    error = ExamError("answer 'F' is not one of A-E", file="t.csv", row=17, field="answer")
    assert str(error) == "t.csv row 17 field 'answer': answer 'F' is not one of A-E"
    assert str(ExamError("no", hint="Do this")) == "no. Do this"


def test_a_missing_package_names_the_command():
    error = MissingDependencyError("solver 'bi-encoder'", "torch", "encoders")
    assert str(error).endswith("pip install 'llmexam[encoders]'")


def test_nearest_names_all_choices():
    assert nearest("zzz", ["b", "a"]) == "Available: a, b"


def test_the_docstring_draws_the_whole_tree():
    tree = [
        name
        for name, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, LlmExamError)
    ]
    assert len(tree) >= 11
    for name in tree:
        assert name in errors.__doc__


@pytest.mark.parametrize("kind", LlmExamError.__subclasses__())
def test_all_errors_are_caught_as_one(kind):
    assert issubclass(kind, LlmExamError)


def test_plurals():
    assert plural(1, "entry", "entries") == "1 entry"
    assert plural(0, "entry", "entries") == "0 entries"
