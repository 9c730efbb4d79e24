"""The package `one_word`, installed as any other package that brings a task."""

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

ENTRY_POINTS = "[llmexam.tasks]\none-word = one_word.task:OneWord\nbroken = one_word.items:WordExam"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the task; yields its name."""
    info = tmp_path / "site" / "llmexam_one_word-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: llmexam-one-word\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(ENTRY_POINTS + "\n")
    (info / "top_level.txt").write_text("one_word\n")
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(info.parent))
    invalidate_caches()
    yield "one-word"
    for name in [
        name for name in sys.modules if name.startswith("one_word") and name not in before
    ]:
        del sys.modules[name]
