"""A server, a clock, and collections that use them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from api_server import ApiServer, FakeClock, serving
from fake_wiki import FakeWiki, WikiPage
from llmexam.workflows.collect_apis import (
    Collection,
    collect_arxiv,
    collect_mediawiki,
    collect_openalex,
)

CONTACT = "me@example.org"
Collect = Callable[..., Collection]


@pytest.fixture(autouse=True)
def _unsynced_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache of responses not wait for the disk, which takes most of the time of a test."""
    real = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*arguments, **options)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serving() as served:
        yield served


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wiki(server: ApiServer) -> FakeWiki:
    """A wiki with a category of three articles, served."""
    served = FakeWiki(
        pages=[
            WikiPage(
                1, "Opal", "Opal is silica.\n\n\n== Use ==\nRings.\n\n== References ==\nA.", 11
            ),
            WikiPage(2, "Prism", "A prism bends light.", 12),
            WikiPage(3, "Lens", "A lens focuses light.", 13),
        ],
        categories={"Category:Optics": [1, 2, 3]},
        hits={"light": [2, 3]},
    )
    server.answer = served
    return served


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "texts.parquet"


def _collector(function: Collect, server: ApiServer, clock: FakeClock, out: Path) -> Collect:
    def collect(**settings: Any) -> Collection:
        places = {name: settings.pop(name) for name in ("cache", "overwrite") if name in settings}
        to = settings.pop("out", out)
        return function(
            {"contact": CONTACT, "api": server.url, **settings}, to, clock=clock, **places
        )

    return collect


@pytest.fixture
def collect(server: ApiServer, clock: FakeClock, out: Path) -> Collect:
    return _collector(collect_mediawiki, server, clock, out)


@pytest.fixture
def collect_papers(server: ApiServer, clock: FakeClock, out: Path) -> Collect:
    return _collector(collect_arxiv, server, clock, out)


@pytest.fixture
def collect_works(server: ApiServer, clock: FakeClock, out: Path) -> Collect:
    return _collector(collect_openalex, server, clock, out)


@pytest.fixture
def rows(out: Path) -> Callable[[], list[dict[str, str]]]:
    return lambda: pq.read_table(out).to_pylist()
