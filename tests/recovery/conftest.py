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


@pytest.fixture(scope="session")
def lm_tokenizer():
    """A byte-level tokenizer with a chat template."""
    from tests.tiny_decoder import make_tokenizer

    return make_tokenizer()


@pytest.fixture(scope="session")
def lm_folder(tmp_path_factory, lm_tokenizer):
    """The folder of a tiny random decoder."""
    from tests.tiny_decoder import save_decoder

    return save_decoder(tmp_path_factory.mktemp("models") / "tiny-llama", lm_tokenizer)
