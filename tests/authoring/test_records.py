import json

import pytest

from llmexam.authoring.item import AuthoredItem
from llmexam.authoring.records import to_item, to_question
from llmexam.errors import ExamError
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.exam.writers import write_exam


@pytest.fixture
def item() -> AuthoredItem:
    passage = Passage("Opal is hydrated silica.", title="Opal", id="w:1:0")
    question = Question("q1", "What is opal?", ("Silica", "Salt"), 0, (passage,), {"seed": "3"})
    return AuthoredItem(
        question,
        "Opal is hydrated silica.",
        "w:1",
        "definition",
        "sentences",
        "1",
        ("", "Salt"),
        0.25,
    )


def test_an_item_survives_the_file(item, tmp_path):
    write_exam(tmp_path / "exam.jsonl", Exam((to_question(item),)), format="jsonl")

    (read,) = read_exam(tmp_path / "exam.jsonl")

    assert to_item(read) == item


def test_any_question_becomes_an_item():
    item = to_item(Question("q", "Why?", ("a", "b", "c"), 1))

    assert item.quote == ""
    assert item.difficulty is None
    assert item.distractor_notes == ("", "", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("style", "poem"),
        ("difficulty", "hard"),
        ("difficulty", "2"),
        ("difficulty", "nan"),
        ("option_notes", "none"),
        ("option_notes", json.dumps(["one"])),
        ("option_notes", json.dumps([1, 2])),
        ("option_notes", '"ab"'),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(ExamError) as error:
        to_item(Question("q7", "Why?", ("a", "b"), 1, metadata={field: value}))

    assert error.value.field == field
    assert "q7" in str(error.value)
