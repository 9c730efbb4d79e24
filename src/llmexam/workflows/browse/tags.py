"""Tags of runs, in one file of the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from llmexam.errors import RunError
from llmexam.storage.atomic import write_json

TAGS_FILE = "tags.json"
# A lock of its own: that of a folder would make the workspace look like a run.
_LOCK = ".tags.lock"
_SECONDS = 10.0
_MOST_TAGS, _MOST_CHARACTERS = 20, 40


def read_tags(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the tags of each run of a workspace by its id; none where the file is no such."""
    try:
        found = json.loads((folder / TAGS_FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        id: tuple(one for one in tags if isinstance(one, str))
        for id, tags in found.items()
        if isinstance(tags, list)
    }


def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tags of a text with commas between them, without repetitions.

    Raises:
        RunError: There are too many, or one is too long.

    >>> parse_tags(" baseline, week 48,,baseline ")
    ('baseline', 'week 48')
    """
    tags = tuple(dict.fromkeys(" ".join(one.split()) for one in text.split(",") if one.strip()))
    if len(tags) > _MOST_TAGS or any(len(one) > _MOST_CHARACTERS for one in tags):
        raise RunError(
            f"expected up to {_MOST_TAGS} tags of up to {_MOST_CHARACTERS} characters",
            field="tags",
            hint="Separate tags by commas",
        )
    return tags


def write_tags(folder: Path, id: str, tags: Sequence[str]) -> None:
    """Set the tags of a run; other runs keep theirs.

    Args:
        folder: The workspace.
        id: The run.
        tags: All of its tags; none to delete them.

    Raises:
        RunError: `tags.json` is something else, another process keeps it locked, or it cannot be
            written.
    """
    path = folder / TAGS_FILE
    try:
        with FileLock(folder / _LOCK, timeout=_SECONDS):
            _change(path, id, tags)
    except Timeout:
        raise RunError(
            f"another process kept the tags locked for {_SECONDS:g} s",
            file=path,
            hint="Try again",
        ) from None
    except OSError as error:
        raise RunError(
            f"cannot write the tags: {error.strerror or type(error).__name__}",
            file=path,
            hint="Check the permissions of the folder",
        ) from None


def _change(path: Path, id: str, tags: Sequence[str]) -> None:
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        raise RunError("expected tags by run", file=path, hint="Move this file elsewhere")
    found: Mapping[str, Sequence[str]] = read_tags(path.parent)
    changed = {**found, id: tuple(tags)}
    write_json(path, {name: list(own) for name, own in sorted(changed.items()) if own})


def _is_ours(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False
