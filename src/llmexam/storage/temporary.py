"""Names of temporary files and folders, and deletion of those that killed processes left behind.

The name says which process made the file, so that any later writer can tell a leftover from a
file that is being written.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from llmexam.machine import is_running

PATTERN = r"\.[^/]+\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<process>[0-9a-f]{8})-\d+\.tmp"
"""Regular expression of the name of a temporary file."""

# Another machine's processes can't be asked for, so their files get this long.
_FOREIGN_SECONDS = 24 * 3600.0
# Most file systems allow 255 bytes.
_NAME_BYTES = 200

_NAME = re.compile(PATTERN)
_counter = itertools.count()
_process = secrets.token_hex(4)
_cleared: set[str] = set()


def temporary_beside(target: Path) -> Path:
    """Return a new temporary path in the folder of `target`.

    The first call for a folder also deletes what killed processes left in it.
    """
    folder = os.path.abspath(target.parent)  # noqa: PTH100 - the path as given may be a link
    if folder not in _cleared:
        _cleared.add(folder)
        clear_leftovers(target.parent)
    start = target.name.encode("utf-8", "surrogateescape")[:_NAME_BYTES]
    name = start.decode("utf-8", "ignore")
    maker = f"{_host()}-{os.getpid()}-{_process}-{next(_counter)}"
    return target.with_name(f".{name}.{maker}.tmp")


def is_temporary(path: Path) -> bool:
    """Return whether a file or folder has the name of a temporary one."""
    return _NAME.fullmatch(path.name) is not None


def clear_leftovers(folder: Path, *, deep: bool = False) -> None:
    """Delete the temporary files in a folder whose processes have ended.

    Files that cannot be deleted stay: they harm nothing.

    Args:
        folder: The folder; may be missing.
        deep: Whether to search its subfolders, too.
    """
    for path in list(_leftovers(folder, deep=deep)):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue


def _leftovers(folder: Path, *, deep: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            match = _NAME.fullmatch(name)
            if match and _is_abandoned(Path(root) / name, match):
                yield Path(root) / name
        if not deep:
            return
        folders[:] = [name for name in folders if not _NAME.fullmatch(name)]


def _is_abandoned(path: Path, made_by: re.Match[str]) -> bool:
    try:
        modified = path.lstat().st_mtime
    except OSError:
        return False
    if made_by["host"] != _host():
        return time.time() - modified > _FOREIGN_SECONDS
    pid = int(made_by["pid"])
    if pid == os.getpid():
        # In containers, processes one after another often have the same number.
        return made_by["process"] != _process
    return not is_running(pid, since=modified)


def _host() -> str:
    # Containers have process numbers of their own, and may share a host name.
    space = Path("/proc/self/ns/pid")
    try:
        number = str(space.stat().st_ino)
    except OSError:
        number = ""
    return hashlib.sha256(f"{socket.gethostname()} {number}".encode()).hexdigest()[:8]
