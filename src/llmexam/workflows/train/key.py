"""What tells one training from another, so that a folder is never taken for another recipe's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexam.errors import ModelError, RunError
from llmexam.lm.folder_hash import hash_model_folder
from llmexam.lm.loading import resolve_model
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.storage.yaml_text import load_yaml
from llmexam.workflows.run.pipeline import TRAINING_MARK
from llmexam.workflows.train.exams import TrainingExams
from llmexam.workflows.train.folder import has_begun
from llmexam.workflows.train.recipe import Recipe, recipe_yaml
from llmexam.workflows.yaml_file import names_file, place_settings

RECIPE_FILE = "recipe.yaml"
"""The recipe of a training in its folder, with all defaults."""

_OTHERWISE_KNOWN = frozenset({"title", "tracking", "train", "dev", "report_on"})
# Of models, corpora and indexes: lists of them too.
_PATHS = frozenset({"model", "members", "corpus", "index", "reranker", "judgements", "cache_dir"})


def require_same_recipe(recipe: Recipe, folder: Path) -> None:
    """Check that a folder's training, if there is one, was asked for by the same recipe.

    Where files lie is not compared: `training_key` knows what they say.

    Raises:
        RunError: It was another recipe; the error names a key that differs.
    """
    if not (folder / TRAINING_MARK).is_file() or not has_begun(folder):
        return
    try:
        known = load_yaml((folder / RECIPE_FILE).read_text("utf-8"), file=folder / RECIPE_FILE)
    except OSError:
        return
    before, asked = _told(known), _told(load_yaml(recipe_yaml(recipe)))
    for told in (before, asked):
        # Splits may be added: each tells whether it is done.
        told.pop("split_seeds", None)
    differing = sorted(key for key in before.keys() | asked if before.get(key) != asked.get(key))
    if differing:
        key = differing[0]
        raise RunError(
            f"the recipe has changed since the training in this folder began: {key} is "
            f"{asked.get(key)}, it was {before.get(key)}",
            file=folder,
            hint="Choose another folder, or begin anew with --fresh",
        )


def _told(values: Any, above: str = "") -> dict[str, Any]:
    """Return the keys of a recipe, dots for nesting, without those that name files."""
    if not isinstance(values, dict):
        return {above.rstrip("."): values}
    told: dict[str, Any] = {}
    for key, value in values.items():
        if above or key not in _OTHERWISE_KNOWN:
            placed = key in _PATHS or names_file(key, value)
            told |= {} if placed else _told(value, f"{above}{key}.")
    return told


def training_key(recipe: Recipe, exams: TrainingExams) -> str:
    """Return what a training is known by: its settings and weights, and what its exams say."""
    told = recipe.model_dump(mode="json", exclude={"title", "tracking", "split_seeds"})
    # Where the files lie does not matter.
    for name in ("train", "dev", "report_on"):
        told.pop(name)
    told["settings"] = place_settings(told["settings"], _said_by_file, _said_by_model)
    told["exams"] = {
        name: exam.content_hash for name, exam in {"train": exams.train, **exams.graded}.items()
    }
    told["evidence"] = exams.origin.model_dump(mode="json")
    if not exams.origin.reranker:
        # Trainings that began before it was told are still the same.
        del told["evidence"]["depth"]
    return hash_json(told)


def splits_key(recipe: Recipe) -> str:
    """Return what a training over several splits is known by, whatever the splits.

    Each split is known by its own `training_key`, which tells what its exams say, too.
    """
    told = recipe.model_dump(
        mode="json", exclude={*_OTHERWISE_KNOWN, "split_seed", "split_seeds", "evidence"}
    )
    told["settings"] = place_settings(told["settings"], _said_by_file, _said_by_model)
    return hash_json(told)


def _said_by_file(path: str) -> str:
    # What a folder keeps, such as scores, changes no training.
    return hash_file(path) if Path(path).is_file() else ""


def _said_by_model(name: str) -> str:
    """Return the hash of a model's folder; the name where it is none, such as a hub's."""
    if not Path(name).is_dir():
        return name
    try:
        return resolve_model(name).weights_hash
    except ModelError:
        # A ranker is no model of `resolve_model`.
        return hash_model_folder(Path(name))
