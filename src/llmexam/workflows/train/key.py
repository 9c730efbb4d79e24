"""The key of a training run, so that a folder is never reused for another recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.lm.models.loading import identify_model
from llmexam.settings.base import Settings
from llmexam.settings.walk import change_references, dump_key, flatten, with_hashes
from llmexam.storage.hashing import hash_json
from llmexam.storage.yaml_text import load_yaml
from llmexam.workflows.run.pipeline import TRAINING_MARK
from llmexam.workflows.train.exams import TrainingExams
from llmexam.workflows.train.folder import RECIPE_FILE, has_begun
from llmexam.workflows.train.recipe import Recipe, parse_recipe, read_recipe, recipe_yaml

# Compared by what the files say, in `training_key`; splits may be added later.
_EXAMS = frozenset({"train", "dev", "report_on", "split_seeds"})


def require_same_recipe(recipe: Recipe, folder: Path) -> None:
    """Check that the training run of a folder, if there is one, has the same recipe.

    Where files are is not compared: `training_key` holds their content.

    Raises:
        RunError: It was another recipe; the error names a key that differs.
    """
    path = folder / RECIPE_FILE
    if not (folder / TRAINING_MARK).is_file() or not has_begun(folder) or not path.is_file():
        return
    before, now = (
        _compared(one)
        for one in (read_recipe(path), parse_recipe(load_yaml(recipe_yaml(recipe)), base=folder))
    )
    differing = sorted(key for key in before.keys() | now if before.get(key) != now.get(key))
    if differing:
        key = differing[0]
        raise RunError(
            f"the recipe has changed since the training run in this folder started: {key} "
            f"is {now.get(key)}, it was {before.get(key)}",
            file=folder,
            hint="Choose another folder, or start again with --overwrite",
        )


def _compared(recipe: Recipe) -> dict[str, Any]:
    """Return the values of a recipe by dotted key, without those that only name files."""
    return flatten(dump_key(change_references(recipe, lambda value, kind: ""), without=_EXAMS))


def training_key(recipe: Recipe, exams: TrainingExams[Any]) -> str:
    """Return the key of a training run: its settings, initial weights and exam contents."""
    told = dump_key(recipe.model_copy(update={"settings": keyed(recipe.settings)}), without=_EXAMS)
    told["exams"] = {
        name: exam.content_hash for name, exam in {"train": exams.train, **exams.graded}.items()
    }
    told["evidence"] = exams.origin.model_dump(mode="json")
    return hash_json(told)


def splits_key(recipe: Recipe) -> str:
    """Return the key of a training run over several splits, without the splits themselves.

    Each split has its own `training_key`, which holds what its exams say, too.
    """
    return hash_json(
        dump_key(
            recipe.model_copy(update={"settings": keyed(recipe.settings)}),
            without=_EXAMS | {"split_seed", "evidence"},
        )
    )


def keyed(settings: Settings) -> Settings:
    """Return settings in which each file and model is replaced by its hash."""
    return with_hashes(settings, identify_model)
