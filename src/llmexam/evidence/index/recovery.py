"""Recovery of an index whose replacement was killed half-way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from llmexam.errors import EvidenceIndexError, RunError
from llmexam.storage.locking import lock_folder

T = TypeVar("T")
# An index that is replaced more often while it is opened is not used in earnest.
_TRIES = 20


def open_replaceable(folder: Path, opening: Callable[[], T]) -> T:
    """Return what `opening` returns from files of one and the same index.

    Another process may replace the folder meanwhile. Then some of the files are gone, or belong to
    the next index, so it is opened again.

    Args:
        folder: The folder of the index.
        opening: Opens it.

    Raises:
        EvidenceIndexError: It cannot be opened though nobody replaced it.
    """
    for _ in range(_TRIES):
        before = identity(folder)
        try:
            found = opening()
        except (EvidenceIndexError, OSError):
            if identity(folder) == before:
                raise
            continue
        if identity(folder) == before:
            return found
    return opening()


def identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from one that takes its place; None if there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def replaced_path(folder: Path) -> Path:
    """Return where an index is while another takes its place."""
    return folder.with_name(f".{folder.name}.old")


def recover_replaced(folder: str | Path, mark: str) -> None:
    """Put an index back that a killed process had moved away in order to replace it.

    Does nothing if there is an index, or if a process is replacing it now.

    Args:
        folder: The folder of the index.
        mark: Name of a file that a complete index has.
    """
    target = Path(folder).resolve()
    old = replaced_path(target)
    if target.exists() or not (old / mark).is_file():
        return
    # Whoever replaces an index holds the lock in it. In a read-only folder it stays away.
    with suppress(RunError, OSError), lock_folder(old):
        if not target.exists():
            old.replace(target)
