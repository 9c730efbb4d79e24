"""Tiny models, and a server on loopback."""

from collections.abc import Iterator

import pytest

from fake_endpoint import KEY, Endpoint, serving


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving() as served:
        yield served


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
