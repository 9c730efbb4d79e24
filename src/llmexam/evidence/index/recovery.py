"""Recovery of an index whose replacement was killed half-way."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from llmexam.errors import RunError
from llmexam.storage.locking import lock_folder


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
