"""Permissions of written files."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def open_to_readers(folder: Path) -> None:
    """Give the files of a folder at least the permissions that new files get here.

    Some libraries write files that only their owner can read. Files of other users stay as they
    are.
    """
    mask = os.umask(0)
    os.umask(mask)
    wanted = 0o666 & ~mask
    for path in _files(folder):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & wanted != wanted:
            _change(path, mode | wanted)


def take_permissions(folder: Path, present: Path, like: str) -> None:
    """Give a folder and its new files the permissions of the folder that it will replace.

    Files with hard links in both folders stay as they are.

    Args:
        folder: The new folder.
        present: The folder that it will replace.
        like: Name of the file in `present` whose permissions files of new names get.
    """
    for path in _files(folder):
        before = present / path.relative_to(folder)
        if not before.is_file():
            before = present / like
        if not before.samefile(path):
            _change(path, stat.S_IMODE(before.stat().st_mode))
    for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        before = present / path.relative_to(folder)
        if before.is_dir():
            _change(path, stat.S_IMODE(before.stat().st_mode))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _change(path: Path, mode: int) -> None:
    # Only the owner may, and some file systems have no permissions.
    with suppress(PermissionError):
        path.chmod(mode)
