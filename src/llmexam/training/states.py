"""States to resume from: a state counts when its mark is there and every file has its size."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from llmexam.machine import sync_to_disk
from llmexam.storage.atomic import write_json

STATE_FOLDER = "state"
MARK_FILE = "llmexam_state.json"
_PREFIX = "checkpoint-"


def mark_state(state: Path) -> None:
    """Write the mark of a state, last of all: the sizes of its files, which reach the disk first.

    Args:
        state: The folder of the state.
    """
    sizes = _sizes(state)
    for name in sizes:
        sync_to_disk(state / name)
    write_json(state / MARK_FILE, sizes)


def is_whole(state: Path) -> bool:
    """Return whether a state was written to its end and is as it was then."""
    try:
        told = json.loads((state / MARK_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told) and told == _sizes(state)


def newest_state(folder: Path) -> Path | None:
    """Return the newest whole state of a training, or None where there is none.

    States that are not whole are removed, by the first process if there are several.

    Args:
        folder: The folder of the training; its states are in `folder/state`.
    """
    newest = None
    for state in sorted((folder / STATE_FOLDER).glob(f"{_PREFIX}*"), key=_step):
        if is_whole(state):
            newest = state
        elif is_first_process():
            shutil.rmtree(state, ignore_errors=True)
    return newest


def whole_states(folder: Path) -> list[Path]:
    """Return all whole states of a training, oldest first."""
    found = sorted((folder / STATE_FOLDER).glob(f"{_PREFIX}*"), key=_step)
    return [state for state in found if is_whole(state)]


def state_path(folder: Path, step: int) -> Path:
    """Return where the state of a step is."""
    return folder / STATE_FOLDER / f"{_PREFIX}{step}"


def read_callback_state(state: Path, name: str) -> dict[str, Any]:
    """Return what a callback of ours kept in a state; empty if nothing.

    Args:
        state: The folder of the state.
        name: Name of the callback's class.
    """
    told = json.loads((state / "trainer_state.json").read_text("utf-8"))
    kept = told.get("stateful_callbacks", {}).get(name, {})
    return dict(kept.get("attributes", {})) if isinstance(kept, dict) else {}


def is_first_process() -> bool:
    """Return whether this process writes and prints: the only one, or rank 0 of torchrun."""
    return int(os.environ.get("RANK", "0")) == 0


def n_processes() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_all() -> None:
    """Wait until every process is here; at once where there is only one."""
    if n_processes() > 1:
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()


def _step(state: Path) -> int:
    digits = state.name.removeprefix(_PREFIX)
    return int(digits) if digits.isdecimal() else -1


def _sizes(state: Path) -> dict[str, int]:
    return {
        path.relative_to(state).as_posix(): path.stat().st_size
        for path in sorted(state.rglob("*"))
        if path.is_file() and path.name != MARK_FILE
    }
