"""Files that a run or training owns in its folder and may overwrite and delete."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.storage.hashing import hash_file


def refuse_links(folder: Path, names: Sequence[str], *, only_tops: Sequence[str] = ()) -> None:
    """Check that no path that a command writes or deletes is a symbolic link.

    The folder itself may be a link, for the user named it.

    Args:
        folder: The folder of a run or a training.
        names: Patterns of files and folders in it; folders are searched down to their files.
        only_tops: Patterns of folders whose content is not searched.

    Raises:
        RunError: There is a link.
    """
    for name in (*only_tops, *names):
        # The name itself, too: a link to nothing is not always found by a pattern.
        for path in {folder / name, *folder.glob(name)}:
            is_searched = name in names and path.is_dir() and not path.is_symlink()
            for one in (path, *(path.rglob("*") if is_searched else ())):
                if one.is_symlink():
                    raise RunError(
                        f"is a symbolic link to {one.readlink()}; results are not "
                        "written through links",
                        file=one,
                        hint="Remove the link, or choose another folder",
                    )


def has_stage_records(folder: Path) -> bool:
    """Return whether `stages/` contains a stage record."""
    return any({"key", "files"} <= read_object(path).keys() for path in _stage_records(folder))


def delete_recorded(folder: Path, is_wanted: Callable[[str], bool]) -> None:
    """Delete the files that the records of a run name, if they are unchanged.

    The records are `run.json` and those of the stages. Everything else in the folder, and a file
    that was changed since, is the user's.

    Args:
        folder: The run folder.
        is_wanted: Whether to delete a file, given its path in the folder.
    """
    for name, hashes in _recorded(folder).items():
        path = folder / name
        is_inside = not path.is_symlink() and path.resolve().is_relative_to(folder.resolve())
        if is_wanted(name) and is_inside and path.is_file() and hash_file(path) in hashes:
            path.unlink()


def _recorded(folder: Path) -> dict[str, set[str]]:
    """Return the names of the files that the records name, with the hashes they may have."""
    found: dict[str, set[str]] = {}
    for record in (folder / "run.json", *_stage_records(folder)):
        files = read_object(record).get("files")
        if isinstance(files, dict):
            for name, content in files.items():
                found.setdefault(name, set()).add(str(content))
    return found


def _stage_records(folder: Path) -> list[Path]:
    return sorted(folder.glob("stages/*.json"))


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if it cannot be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
