"""Checkpoints: one is complete if it has a marker and all files have the recorded sizes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from llmexam.machine import sync_to_disk
from llmexam.storage.atomic import write_json
from llmexam.training.base.processes import is_first_process

CHECKPOINT_FOLDER = "checkpoints"
BEST_FOLDER = "best"
"""The best weights so far, which a resumed training needs too."""
MARK_FILE = "llmexam_checkpoint.json"
_PREFIX = "checkpoint-"


def mark_complete(checkpoint: Path) -> None:
    """Sync a checkpoint's files to disk and write its marker, which lists their sizes.

    Args:
        checkpoint: The checkpoint folder.
    """
    sizes = _sizes(checkpoint)
    for name in sizes:
        sync_to_disk(checkpoint / name)
    write_json(checkpoint / MARK_FILE, sizes)


def is_complete(checkpoint: Path) -> bool:
    """Return whether a checkpoint is complete and unchanged."""
    try:
        told = json.loads((checkpoint / MARK_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told) and told == _sizes(checkpoint)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a training, or None.

    The first process deletes incomplete checkpoints.

    Args:
        folder: The training folder, with checkpoints in `folder/checkpoints`.
    """
    complete = complete_checkpoints(folder)
    if is_first_process():
        for checkpoint in (folder / CHECKPOINT_FOLDER).glob(f"{_PREFIX}*"):
            if checkpoint not in complete:
                shutil.rmtree(checkpoint, ignore_errors=True)
    return complete[-1] if complete else None


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


def _sizes(checkpoint: Path) -> dict[str, int]:
    return {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != MARK_FILE
    }
