"""Checkpoints: one is complete if it has a marker and all files are as recorded there."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from llmexam.machine import sync_to_disk
from llmexam.storage.atomic import write_json
from llmexam.storage.checksums import block_checksums, changed_block
from llmexam.training.base.processes import is_first_process

_LOG = logging.getLogger(__name__)

CHECKPOINT_FOLDER = "checkpoints"
BEST_FOLDER = "best"
"""The best weights so far, which a resumed training needs too."""
MARK_FILE = "llmexam_checkpoint.json"
_PREFIX = "checkpoint-"


def mark_complete(checkpoint: Path) -> None:
    """Sync a checkpoint's files to disk and write its marker, with their sizes and checksums.

    Args:
        checkpoint: The checkpoint folder.
    """
    for name in _sizes(checkpoint):
        sync_to_disk(checkpoint / name)
    best = checkpoint.parent.parent / BEST_FOLDER
    write_json(checkpoint / MARK_FILE, {"files": _record(checkpoint), "best": _record(best)})


def is_complete(checkpoint: Path) -> bool:
    """Return whether a checkpoint has all its files, in the recorded sizes."""
    told = _read_mark(checkpoint)
    # Earlier versions of llmexam recorded the sizes alone.
    files = told.get("files", told)
    try:
        sizes = {
            name: one["bytes"] if isinstance(one, dict) else one for name, one in files.items()
        }
    except (AttributeError, KeyError):
        return False
    return bool(sizes) and sizes == _sizes(checkpoint)


def damaged_file(checkpoint: Path) -> Path | None:
    """Return the first file of a complete checkpoint whose content has changed, or None.

    The best weights are searched, too, as far as they are still needed and therefore there.
    """
    told = _read_mark(checkpoint)
    best = checkpoint.parent.parent / BEST_FOLDER
    try:
        for folder, files in ((checkpoint, told.get("files", {})), (best, told.get("best", {}))):
            for name, one in files.items():
                path: Path = folder / name
                if path.is_file() and changed_block(path, one["checksums"], whole=True) is not None:
                    return path
    except (AttributeError, KeyError, TypeError, OSError):
        return checkpoint / MARK_FILE
    return None


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest undamaged checkpoint of a training, or None.

    The first process deletes incomplete and damaged checkpoints, and logs the latter.

    Args:
        folder: The training folder, with checkpoints in `folder/checkpoints`.
    """
    sound = complete_checkpoints(folder)
    while sound and (damaged := damaged_file(sound[-1])) is not None:
        sound.pop()
        if is_first_process():
            before = sound[-1].name if sound else "the beginning"
            _LOG.warning("%s is damaged; training resumes from %s", damaged, before)
    if is_first_process():
        for checkpoint in (folder / CHECKPOINT_FOLDER).glob(f"{_PREFIX}*"):
            if checkpoint not in sound:
                shutil.rmtree(checkpoint, ignore_errors=True)
    return sound[-1] if sound else None


def complete_checkpoints(folder: Path) -> list[Path]:
    """Return all complete checkpoints of a training, oldest first."""
    found = sorted((folder / CHECKPOINT_FOLDER).glob(f"{_PREFIX}*"), key=_step)
    return [checkpoint for checkpoint in found if is_complete(checkpoint)]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step."""
    return folder / CHECKPOINT_FOLDER / f"{_PREFIX}{step}"


def read_callback_values(checkpoint: Path, name: str) -> dict[str, Any]:
    """Return the saved state of one of our callbacks; empty if there is none.

    Args:
        checkpoint: The checkpoint folder.
        name: Class name of the callback.
    """
    told = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    kept = told.get("stateful_callbacks", {}).get(name, {})
    return dict(kept.get("attributes", {})) if isinstance(kept, dict) else {}


def _step(checkpoint: Path) -> int:
    digits = checkpoint.name.removeprefix(_PREFIX)
    return int(digits) if digits.isdecimal() else -1


def _read_mark(checkpoint: Path) -> dict[str, Any]:
    try:
        told = json.loads((checkpoint / MARK_FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _record(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        name: {"bytes": size, "checksums": block_checksums(folder / name)}
        for name, size in _sizes(folder).items()
    }


def _sizes(checkpoint: Path) -> dict[str, int]:
    return {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != MARK_FILE
    }
