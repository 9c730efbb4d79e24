"""Checkpoints to resume from: one is complete if its mark is there and every file has its size."""

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
    """Write the mark of a checkpoint, last of all: the sizes of its files, now on the disk.

    Args:
        checkpoint: The folder of the checkpoint.
    """
    sizes = _sizes(checkpoint)
    for name in sizes:
        sync_to_disk(checkpoint / name)
    write_json(checkpoint / MARK_FILE, sizes)


def is_complete(checkpoint: Path) -> bool:
    """Return whether a checkpoint was written to its end and has not changed since."""
    try:
        told = json.loads((checkpoint / MARK_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told) and told == _sizes(checkpoint)


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a training, or None where there is none.

    Incomplete checkpoints are removed, by the first process if there are several.

    Args:
        folder: The folder of the training; its checkpoints are in `folder/checkpoints`.
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
    """Return where the checkpoint of a step is."""
    return folder / CHECKPOINT_FOLDER / f"{_PREFIX}{step}"


def read_callback_values(checkpoint: Path, name: str) -> dict[str, Any]:
    """Return what a callback of ours kept in a checkpoint; empty if nothing.

    Args:
        checkpoint: The folder of the checkpoint.
        name: Name of the callback's class.
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
