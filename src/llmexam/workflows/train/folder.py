"""The folder of a training: whose it is, whether it is finished, and how to begin anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.workflows.run.pipeline import RUN_FILE, TRAINING_MARK

RESULTS_FILE = "results.json"
"""What a training gave; a folder that has it is finished."""

# What a training leaves in its folder, all of which `fresh` removes; with `*` one each.
_OWN = ("model", "folds", "scores", "tracking", "oof.parquet", "training.html")
_WEIGHTS = ("model", "folds", "seed-*")
_SEVERAL = ("seed-*", "split-*")


def require_training_folder(path: Path) -> None:
    """Check that a folder is new, empty, or that of a training.

    Raises:
        RunError: It is a file, or holds something else.
    """
    if path.exists() and not path.is_dir():
        raise RunError("this is a file", file=path, hint="Choose a folder for the training")
    if path.is_dir():
        names = {entry.name for entry in path.iterdir()} - {".lock"}
        # A folder in which only a dry run was made has found evidence, and its records.
        if names and (RUN_FILE in names or not names & {TRAINING_MARK, "stages"}):
            raise RunError(
                "this folder holds something other than a training",
                file=path,
                hint="Choose an empty or a new folder",
            )


def is_finished(folder: Path) -> bool:
    """Return whether a folder has the results of a training."""
    return (folder / RESULTS_FILE).is_file()


def has_begun(folder: Path) -> bool:
    """Return whether a step of training left anything in a folder: a curve, a state, a model.

    Until then nothing would be lost, and the folder is not bound to a recipe.
    """
    if is_finished(folder) or any(has_begun(split) for split in folder.glob("split-*")):
        return True
    places = (place for name in _WEIGHTS for place in folder.glob(name))
    # The file of the curve is made, empty, before the first step.
    return any(
        path.is_file() and path.stat().st_size for place in places for path in place.rglob("*")
    )


def finished_results(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the results that are there, or None where there is something to do.

    Raises:
        RunError: The folder holds another recipe's training, in which a step was taken.
    """
    mark = _read(folder / TRAINING_MARK)
    if mark is not None and mark.get("key") != key and has_begun(folder):
        raise RunError(
            "the recipe or its exams have changed since the training in this folder began",
            file=folder,
            hint="Choose another folder, or begin anew with --fresh",
        )
    results = _read(folder / RESULTS_FILE)
    return results if mark is not None and results and results.get("key") == key else None


def forget_training(folder: Path) -> None:
    """Remove what a training has left in its folder, but for the evidence it has found."""
    _remove(folder, (RESULTS_FILE, TRAINING_MARK, *_OWN, *_SEVERAL))


def forget_weights(folder: Path) -> None:
    """Remove the models of a training; what it gave stays."""
    _remove(folder, _WEIGHTS)


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        for path in folder.glob(name):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
