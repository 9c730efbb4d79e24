"""A solver that asks a server on loopback."""

from collections.abc import Iterator
from typing import Any

import pytest

from fake_endpoint import KEY, Endpoint, serving
from llmexam.solvers.served.settings import ServedSettings
from llmexam.solvers.served.solver import ServedSolver


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as served:
        yield served


@pytest.fixture
def make(endpoint, tmp_path):
    """Make a solver that asks the endpoint; without `fresh`, all share one cache."""

    def _make(**settings: Any) -> ServedSolver:
        values = {"model": "tiny", "base_url": endpoint.url, "cache_dir": str(tmp_path / "answers")}
        return ServedSolver(ServedSettings(**{**values, **settings}))

    return _make
