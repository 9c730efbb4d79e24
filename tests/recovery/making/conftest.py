"""A server on loopback that rewrites texts."""

import zlib
from collections.abc import Iterator

import pytest

from fake_endpoint import KEY, Endpoint, serving


def rewritten(body):
    """Return a rewritten text that depends on the request alone."""
    asked = body["messages"][-1]["content"]
    return f"Version {zlib.crc32(asked.encode())} of {asked[-40:]}"


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("SOME_KEY", KEY)
    with serving() as served:
        served.writes = rewritten
        yield served


@pytest.fixture
def files(tmp_path):
    """Ten texts, two of them equal, and four prompts."""
    texts = [f"Text number {i} about boats." for i in range(9)]
    rows = "".join(f"{i},{text}\n" for i, text in enumerate([*texts, texts[0]]))
    (tmp_path / "texts.csv").write_text(f"id,text\n{rows}")
    (tmp_path / "prompts.csv").write_text("rewrite_prompt\nA poem.\nAn email.\nShout.\nA list.\n")
    return tmp_path / "texts.csv", tmp_path / "prompts.csv"


@pytest.fixture
def make(endpoint, files, tmp_path):
    """Make data by the endpoint; all calls share one cache."""

    def _make(texts=None, prompts=None, *, settings=None, drawing=None, base_url=..., **arguments):
        from llmexam.workflows.make_data import make_data

        base_url = endpoint.url if base_url is ... else base_url
        own = {"cache_dir": str(tmp_path / "answers"), "api_key_env": "SOME_KEY"}
        return make_data(
            texts or files[0],
            prompts or files[1],
            model="tiny",
            base_url=base_url,
            settings={**own, "max_retries": 0, **(settings or {})},
            drawing=drawing,
            **arguments,
        )

    return _make
