import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam


def published(labels="ABC", key="B", **question):
    choices = [{"text": f"o{label}", "label": label} for label in labels]
    body = {"stem": "p", "choices": choices, **question}
    return json.dumps({"id": "q", "question": body, "answerKey": key})


def test_labels_may_be_digits_and_need_not_rise(write):
    question = read_exam(write(published("2143", "1")))[0]
    assert question.options == ("o2", "o1", "o4", "o3")
    assert question.answer == 1


def test_the_mirrored_form_reads_alike(write):
    record = {
        "id": "q",
        "question": "p",
        "question_concept": "c",
        "choices": {"label": ["A", "B"], "text": ["x", "y"]},
        "answerKey": "B",
    }
    exam = read_exam(write(json.dumps(record)))
    assert exam.format == "commonsenseqa"
    assert (exam[0].options, exam[0].answer) == (("x", "y"), 1)
    assert dict(exam[0].metadata) == {"question_concept": "c"}


def test_a_concept_inside_the_question_tells_commonsenseqa(write):
    assert read_exam(write(published(question_concept="c"))).format == "commonsenseqa"
    assert read_exam(write(published())).format == "arc"


def test_a_blank_key_is_an_unknown_answer(write):
    assert read_exam(write(published(key="")))[0].answer is None


@pytest.mark.parametrize(
    ("record", "field", "words"),
    [
        (published(key="E"), "answerKey", "one of the labels A, B, C, got 'E'"),
        (published("AAB"), "choices", "for 3 options, got A, A, B"),
        (
            json.dumps({"question": {"stem": "p", "choices": [{"label": "A"}]}}),
            "choices",
            "choice 1 has no 'text'",
        ),
    ],
)
def test_faults(write, record, field, words):
    with pytest.raises(ExamError, match=words) as caught:
        read_exam(write(record), format="arc")
    assert (caught.value.row, caught.value.field) == (1, field)


def test_real_arc(shared_data):
    exam = read_exam(shared_data / "mcq" / "arc_challenge_dev.jsonl")
    assert (exam.format, len(exam), exam.is_labelled) == ("arc", 294, True)
    assert {len(question.options) for question in exam} == {3, 4}


def test_real_commonsenseqa(shared_data):
    exam = read_exam(shared_data / "mcq" / "commonsenseqa_dev.jsonl")
    assert (exam.format, len(exam), exam.is_labelled) == ("commonsenseqa", 1221, True)
    assert exam[0].prompt.startswith("A revolving door")
    assert exam[0].options[0] == "bank"
