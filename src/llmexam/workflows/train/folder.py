"""The training folder: which recipe it belongs to, whether it is finished, and overwriting."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.evaluation.results import SCHEMA_VERSION
from llmexam.stages.progress_file import PROGRESS_FILE
from llmexam.storage.atomic import write_json
from llmexam.storage.temporary import is_temporary
from llmexam.training.base.checkpoints import BEST_FOLDER, CHECKPOINT_FOLDER
from llmexam.workflows.own_files import has_stage_records, read_object, refuse_links
from llmexam.workflows.run.pipeline import RUN_FILE, TRAINING_MARK

RESULTS_FILE = "results.json"
"""What a training gave; a folder that has it is finished."""

RECIPE_FILE = "recipe.yaml"
"""The recipe of a training in its folder, with all defaults."""
SET_ASIDE = "set-aside"
"""Gets what `--overwrite` finds among the models of a training and does not know."""

_FILES = (RESULTS_FILE, "oof.parquet", "training.html")
# Patterns of folders; `seed-notes` or `split-ideas` would be the user's.
_WEIGHTS = ("model", "folds", "seed-[0-9]*")
_SPLITS = "split-[0-9]*"
_OWN = (
    *(
        ".lock",
        TRAINING_MARK,
        RECIPE_FILE,
        PROGRESS_FILE,
        "evidence*.jsonl",
        "stages",
        "index",
        "scores",
    ),
    *(*_FILES, *_WEIGHTS, SET_ASIDE),
)
# What a trainer of llmexam leaves in the folder of a model; earlier versions had `state`.
_MODEL_FOLDERS = frozenset({CHECKPOINT_FOLDER, "state", BEST_FOLDER, ".model.new"})
_MODEL_FILE = re.compile(
    r"(model|adapter_model|head|average)(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
    r"|(config|generation_config|adapter_config|modules|sentence_bert_config"
    r"|config_sentence_transformers|tokenizer|tokenizer_config|special_tokens_map|added_tokens"
    r"|vocab|training|llmexam|dev_scores|ranker|zero2)\.json"
    r"|(vocab|merges|trees)\.txt|(spm|spiece|tokenizer|sentencepiece\.bpe)\.model"
    r"|curve\.jsonl|curves\.png|README\.md|\.gitattributes|chat_template\.jinja"
    r"|(template|recipe)\.yaml|out_of_fold\.parquet|\..*\.tmp"
)


def require_training_folder(path: Path) -> None:
    """Check that a folder is new, empty, or belongs to a training run.

    Raises:
        RunError: It is a file, holds something else, or a result in it is a link.
    """
    if path.exists() and not path.is_dir():
        raise RunError(
            "expected a folder, got a file", file=path, hint="Choose another output folder"
        )
    if path.is_dir():
        names = {entry.name for entry in path.iterdir() if not is_temporary(entry)} - {".lock"}
        # A folder in which only a dry run was made has found evidence, and its records.
        is_training = TRAINING_MARK in names or has_stage_records(path)
        if names and (
            RUN_FILE in names or not (is_training or names <= {"stages", "index", PROGRESS_FILE})
        ):
            raise RunError(
                "the folder contains files that are not of a training run",
                file=path,
                hint="Choose an empty or a new folder",
            )
        # Trackers keep links of their own, to their newest run.
        refuse_links(path, _OWN, only_tops=("tracking", _SPLITS))
        for split in path.glob(_SPLITS):
            refuse_links(split, _OWN, only_tops=("tracking",))


def is_finished(folder: Path) -> bool:
    """Return whether a folder contains the results of a finished training run."""
    return (folder / RESULTS_FILE).is_file()


def has_begun(folder: Path) -> bool:
    """Return whether training in this folder has written anything: curve, checkpoint or model.

    Until then nothing would be lost, and the folder is not bound to a recipe.
    """
    if is_finished(folder) or any(has_begun(split) for split in folder.glob("split-*")):
        return True
    places = (place for name in _WEIGHTS for place in folder.glob(name))
    # The file of the curve is made, empty, before the first step.
    return any(
        path.is_file() and path.stat().st_size for place in places for path in place.rglob("*")
    )


def mark_training(folder: Path, key: str) -> None:
    """Write the marker file of a training run: its key and the schema version of the folder."""
    write_json(folder / TRAINING_MARK, {"schema_version": SCHEMA_VERSION, "key": key})


def finished_results(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the results of a finished training run, or None.

    Raises:
        RunError: The folder holds another recipe's training, in which a step was taken, or that
            of an earlier version of llmexam.
    """
    mark = read_object(folder / TRAINING_MARK)
    if mark and has_begun(folder):
        _require_same_training(mark, folder, key)
    results = read_object(folder / RESULTS_FILE)
    return results if mark and results and results.get("key") == key else None


def _require_same_training(mark: Mapping[str, Any], folder: Path, key: str) -> None:
    version = mark.get("schema_version", 1)
    if version != SCHEMA_VERSION:
        raise RunError(
            f"expected a training run with schema version {SCHEMA_VERSION}, got version {version}, "
            "which another version of llmexam wrote",
            file=folder / TRAINING_MARK,
            hint="Choose another folder, or train again with --overwrite",
        )
    if mark.get("key") != key:
        raise RunError(
            "the recipe or its exams have changed since the training run in this folder started",
            file=folder,
            hint="Choose another folder, or start again with --overwrite",
        )


def forget_training(folder: Path) -> None:
    """Delete the files of a training run, except its evidence.

    Files among its models that no trainer of llmexam writes are moved to `set-aside/`: they may
    be the user's, and where they are the next training could take them for its own. All other
    files stay where they are.
    """
    results = read_object(folder / RESULTS_FILE)
    runs = ["", *(f"-{run}" for run in results.get("curves", ()))]
    scores = [f"scores/{exam}{run}.parquet" for exam in results.get("exams", ()) for run in runs]
    for name in (*_FILES, *scores):
        if (folder / name).is_file():
            (folder / name).unlink()
    for tree in _weight_folders(folder):
        # A tracker's folder has the name of the run.
        shutil.rmtree(folder / "tracking" / tree.name, ignore_errors=True)
        _forget_tree(tree, folder)
    for split in folder.glob(_SPLITS):
        if split.is_dir():
            forget_training(split)
            for name in (TRAINING_MARK, RECIPE_FILE, ".lock"):
                (split / name).unlink(missing_ok=True)
            _remove_if_empty(split)
    for name in ("scores", "tracking"):
        _remove_if_empty(folder / name)


def forget_weights(folder: Path) -> None:
    """Delete the models of a training run, but keep its results."""
    for tree in _weight_folders(folder):
        shutil.rmtree(tree)


def _weight_folders(folder: Path) -> list[Path]:
    return [path for name in _WEIGHTS for path in folder.glob(name) if path.is_dir()]


def _forget_tree(tree: Path, folder: Path) -> None:
    """Delete the known files of a model's folder, and set the others aside."""
    for path in sorted(tree.rglob("*"), reverse=True):  # what is in a folder before the folder
        if path.is_dir():
            _remove_if_empty(path)
            continue
        above = path.relative_to(tree).parts[:-1]
        if _MODEL_FOLDERS & set(above) or _MODEL_FILE.fullmatch(path.name):
            path.unlink()
            continue
        target = folder / SET_ASIDE / path.relative_to(folder)
        number = 2
        while target.exists():
            target, number = target.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    _remove_if_empty(tree)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
