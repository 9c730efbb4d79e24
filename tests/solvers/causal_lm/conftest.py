"""A tiny random Llama as a model folder."""

from pathlib import Path

import pytest
import transformers
from tests.tiny_decoder import make_tokenizer, save_decoder


@pytest.fixture(scope="session")
def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """The byte-level tokenizer."""
    return make_tokenizer()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, tokenizer) -> Path:
    """The model's folder."""
    return save_decoder(tmp_path_factory.mktemp("models") / "tiny-llama", tokenizer)
