"""Permissions of written files."""

from __future__ import annotations

import os
from pathlib import Path


def open_to_readers(folder: Path) -> None:
    """Give the files of a folder the permissions that new files get here.

    Some libraries write files that only their owner can read.
    """
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o666 & ~mask)
