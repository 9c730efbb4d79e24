"""Folder locks for one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from llmexam.errors import RunError


@contextmanager
def lock_folder(folder: str | Path) -> Iterator[Path]:
    """Lock a folder for this process; the system releases the lock even after a kill.

    Args:
        folder: The folder, made where it is missing.

    Raises:
        RunError: Another process holds it, or a file is in its place.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise RunError("expected a folder, got a file", file=path)
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            "another process is writing to this folder",
            file=path,
            hint="Wait until it ends, stop it, or choose another folder",
        ) from None
    try:
        yield path
    finally:
        lock.release()
