"""Four authored questions to label, with markup in their texts."""

import pytest

from llmexam.authoring.labelling.session import Session
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def exam():
    return Exam(
        tuple(
            Question(
                f"q{i}",
                f"Which gas do plants take in, take {i}? {HOSTILE}",
                ("carbon dioxide", "nitrogen", HOSTILE, "he & ne"),
                0,
                (Passage(f"Plants take in carbon\ndioxide. {HOSTILE}", "Leaves"),),
                {"quote": "plants take in carbon dioxide"},
            )
            for i in range(4)
        )
    )


@pytest.fixture
def labels(tmp_path):
    return tmp_path / "labels.jsonl"


@pytest.fixture
def session(exam, labels):
    return Session.resume(exam, labels, "ann", blind=False)
