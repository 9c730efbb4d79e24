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
_STATE_FILE = "trainer_state.json"


def mark_complete(checkpoint: Path) -> None:
    """Sync a checkpoint's files to disk and write its marker, with their sizes and checksums.

    The marker also records the best weights that a training resumed from here needs.

    Args:
        checkpoint: The checkpoint folder.
    """
    for name in _sizes(checkpoint):
        sync_to_disk(checkpoint / name)
    best = _best_file(checkpoint)
    told = {} if best is None or not best.is_file() else {best.name: _record_of(best)}
    write_json(checkpoint / MARK_FILE, {"files": _record(checkpoint), "best": told})


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

    The best weights up to this checkpoint belong to it; they must be there, too.
    """
    told = _read_mark(checkpoint)
    try:
        for name, one in told.get("files", {}).items():
            if _is_changed(checkpoint / name, one):
                return checkpoint / str(name)
        best: Path | None = _best_file(checkpoint)
        # Earlier versions of llmexam recorded the best weights of other checkpoints, too, or none.
        if best is not None and (
            not best.is_file() or _is_changed(best, told.get("best", {}).get(best.name))
        ):
            return best
    except (AttributeError, KeyError, TypeError, ValueError, OSError, RecursionError):
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
            _LOG.warning("%s is damaged or missing; training resumes from %s", damaged, before)
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


def best_path(folder: Path, step: int) -> Path:
    """Return the file of the best weights of a step in `folder`."""
    return folder / f"step-{step}.safetensors"


def read_callback_values(checkpoint: Path, name: str) -> dict[str, Any]:
    """Return the saved state of one of our callbacks; empty if there is none.

    Args:
        checkpoint: The checkpoint folder.
        name: Class name of the callback.
    """
    told = json.loads((checkpoint / _STATE_FILE).read_text("utf-8"))
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


def _best_file(checkpoint: Path) -> Path | None:
    """Return the file of the best weights up to a checkpoint; None if nothing was graded yet."""
    path = checkpoint / _STATE_FILE
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for kept in told.get("stateful_callbacks", {}).values():
        step = kept.get("attributes", {}).get("best_step") if isinstance(kept, dict) else None
        if step:
            return best_path(checkpoint.parent.parent / BEST_FOLDER, step)
    return None


def _is_changed(path: Path, record: dict[str, Any] | None) -> bool:
    if record is None or not path.is_file():
        return False
    return changed_block(path, record["checksums"], whole=True) is not None


def _record(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: _record_of(folder / name) for name in _sizes(folder)}


def _record_of(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "checksums": block_checksums(path)}


def _sizes(checkpoint: Path) -> dict[str, int]:
    return {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != MARK_FILE
    }
