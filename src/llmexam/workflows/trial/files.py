"""Files of a folder: a bounded walk that never leaves it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from llmexam.workflows.browse.workspace import DEEPEST, Workspace

MOST_FILES = 50_000
_LEFT_OUT = frozenset({"node_modules", "__pycache__", "site-packages", "stages"})


def files_in(workspace: Workspace) -> Iterator[Path]:
    """Yield the files of a workspace, folder by folder in alphabetical order.

    Hidden files and folders and links are left out. The walk ends after `MOST_FILES` files, and
    goes `DEEPEST` folders deep.

    Args:
        workspace: The folder.
    """
    n_seen = 0
    for place, folders, names in os.walk(workspace.folder, followlinks=False):
        here = Path(place)
        depth = len(here.relative_to(workspace.folder).parts)
        kept = [one for one in folders if not one.startswith(".") and one not in _LEFT_OUT]
        folders[:] = sorted(kept) if depth < DEEPEST else []
        for name in sorted(names):
            n_seen += 1
            if n_seen > MOST_FILES:
                return
            if not name.startswith(".") and not (here / name).is_symlink():
                yield here / name
