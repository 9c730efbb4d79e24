"""Files of a folder: a bounded walk that never leaves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from llmexam.workflows.browse.workspace import DEEPEST, Workspace

MOST_FILES = 50_000
_LEFT_OUT = frozenset({"node_modules", "__pycache__", "site-packages", "stages"})
# Folders of unfinished work beside an output.
_UNFINISHED = (".drafts", ".shards")


def files_in(workspace: Workspace) -> Iterator[Path]:
    """Yield the files of a workspace in alphabetical order, those of deeper folders later.

    Hidden files and folders and links are left out. The walk ends after `MOST_FILES` files, and
    goes `DEEPEST` folders deep.

    Args:
        workspace: The folder.
    """
    n_seen = 0
    level = [workspace.folder]
    for _ in range(DEEPEST + 1):
        below: list[Path] = []
        for entry in (entry for folder in level for entry in _entries(folder)):
            if entry.is_dir(follow_symlinks=False):
                below.append(Path(entry.path))
                continue
            n_seen += 1
            if n_seen > MOST_FILES:
                return
            yield Path(entry.path)
        level = below


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listed:
            found = sorted(listed, key=lambda entry: entry.name)
    except OSError:
        return []
    return [
        entry
        for entry in found
        if not (
            entry.name.startswith(".")
            or entry.name in _LEFT_OUT
            or entry.name.endswith(_UNFINISHED)
            or entry.is_symlink()
        )
    ]
