"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexam import machine

# One thread a worker: xdist starts a worker a core. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Let files stay in the system's cache: a power cut is no part of a test.

    Processes that tests start flush their files as usual.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project; tests skip where it is absent."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("LLMEXAM_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}: set LLMEXAM_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real models that are not part of the project; tests skip where it is absent."""
    folder = os.environ.get("LLMEXAM_MODELS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real models are not at hand: set LLMEXAM_MODELS to their folder")
    return Path(folder)


@pytest.fixture(autouse=True)
def not_a_command(monkeypatch):
    """Forget after each test that it called the command line in this process."""
    monkeypatch.setattr(machine, "_is_command", False)
