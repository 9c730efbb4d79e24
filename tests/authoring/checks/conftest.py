"""Questions on one passage."""

import pytest

from llmexam.authoring.item import AuthoredItem
from llmexam.exam.question import Passage, Question

TEXT = (
    "Opal is a hydrated form of silica. Its water content may range from 3 to 21 %. "
    "Quartz is a crystalline mineral of silica. “Precious opal” shows a play of colours, "
    "and was mined in Slovakia until 1922."
)


@pytest.fixture
def make():
    """Return a question; by default one that no check rejects."""

    def made(
        prompt="Which mineral is a hydrated form of silica?",
        options=("opal", "quartz", "garnet", "topaz"),
        answer=0,
        quote="Opal is a hydrated form of silica.",
        text=TEXT,
        id="q1",
    ):
        passages = (Passage(text, id="opal:1"),) if text else ()
        notes = tuple(f"note of {option}" for option in options)
        question = Question(id, prompt, tuple(options), answer, passages)
        return AuthoredItem(question, quote, "opal", "definition", "hand", "1", notes)

    return made
