"""Atomic file writes: temporary file, fsync, rename."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmexam.machine import sync_to_disk
from llmexam.storage.temporary import temporary_beside


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it is renamed on success and deleted on failure.

    The temporary file is in the same folder, because a rename is only atomic within one file
    system. If the process is killed, the next writer into that folder deletes it.

    Args:
        path: Where the file shall end up. Missing parent folders are made; a link stays one, and
            the file it leads to is written.

    Yields:
        The temporary path to write to.

    Raises:
        OSError: A folder, a device or a pipe is there, which no file can replace.
    """
    target, temporary = _places(path)
    try:
        yield temporary
        sync_to_disk(temporary)
        temporary.replace(target)
        # A rename is durable only after the folder is synced.
        sync_to_disk(target.parent)
    except OSError as error:
        # A write to an open file fails without a name: of a full disk, for example.
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(path: str | Path) -> None:
    """Raise what writing a file would raise, without writing it.

    Raises:
        OSError: The file cannot be written.
    """
    _, temporary = _places(path)
    temporary.touch()
    temporary.unlink()


def _places(path: str | Path) -> tuple[Path, Path]:
    """Return the file that is written in the end, and the temporary one beside it."""
    # Replacing a link such as /dev/stdout would break it for all other processes.
    target = Path(path).resolve() if Path(path).is_symlink() else Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "expected a file, got a folder", str(path))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "expected a file, got a device or a pipe", str(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, temporary_beside(target)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text to a file atomically. Line endings are written as given."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON, atomically. NaN is an error, because it is not valid JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
