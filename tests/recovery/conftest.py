"""Small sets of rewrites."""

import pytest

from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.sample import REWRITES_PATH

ROWS = [
    ("The cat sat.", "O the cat, it sat!", "Rewrite this as a poem."),
    ("Rain is due.", "Rain, O rain, is due!", "Rewrite it as a poem"),
    ("We meet at six.", "Dear all, we meet at six.", "Turn this into an email."),
    ("The bus is late.", "The bus was late.", "Put the text into the past tense."),
    ("Bread is baked.", "Dear team, bread is baked.", "Make this a formal email."),
    ("Ice melts.", "Ice melted.", "Use the past tense."),
]


@pytest.fixture
def rewrites():
    """Six rewrites with their prompts."""
    rows = (Rewrite(str(i), a, b, prompt) for i, (a, b, prompt) in enumerate(ROWS))
    return RewriteExam(tuple(rows), source="six.csv")


@pytest.fixture(scope="session")
def sample():
    """The bundled sample."""
    from llmexam.recovery.parsing import read_rewrites

    return read_rewrites(REWRITES_PATH)
