"""Folder locks for one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from llmexam.errors import RunError
from llmexam.storage.temporary import clear_leftovers


@contextmanager
def lock_folder(folder: str | Path) -> Iterator[Path]:
    """Lock a folder for this process; the system releases the lock even after a kill.

    Temporary files that killed processes left in it are deleted.

    Args:
        folder: The folder, made where it is missing.

    Raises:
        RunError: Another process holds it, a file is in its place, or the file system has no locks.
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
    except (OSError, NotImplementedError) as error:
        # With a file name, the error says what the user may not do.
        if getattr(error, "filename", None) is not None:
            raise
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"the folder cannot be locked: {reason}",
            file=path,
            hint="Choose a folder on a file system with locks (flock), such as a local disk",
        ) from None
    try:
        clear_leftovers(path, deep=True)
        yield path
    finally:
        lock.release()
