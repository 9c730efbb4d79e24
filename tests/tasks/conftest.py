"""The package `one_word`, installed as any other package that brings a task."""

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

ENTRY_POINTS = "[llmexam.tasks]\none-word = one_word.task:OneWord\nbroken = one_word.items:WordExam"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder of installed packages, the same for all tests: what is in it is looked up once."""
    site = tmp_path_factory.mktemp("site")
    info = site / "llmexam_one_word-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: llmexam-one-word\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(ENTRY_POINTS + "\n")
    (info / "top_level.txt").write_text("one_word\n")
    return site


@pytest.fixture
def installed(site, monkeypatch):
    """Install the task; yields its name."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "toy"))
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    yield "one-word"
    for name in [
        name for name in sys.modules if name.startswith("one_word") and name not in before
    ]:
        del sys.modules[name]
