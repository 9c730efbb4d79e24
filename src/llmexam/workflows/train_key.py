"""What tells one training from another, so that a folder is never taken for another recipe's."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import ModelError
from llmexam.lm.loading import resolve_model
from llmexam.lm.model_card import CARD_FILE
from llmexam.storage.hashing import hash_file, hash_json
from llmexam.workflows.recipe import Recipe
from llmexam.workflows.train_exams import TrainingExams
from llmexam.workflows.yaml_file import place_settings


def training_key(recipe: Recipe, exams: TrainingExams) -> str:
    """Return what a training is known by: its settings and weights, and what its exams say."""
    told = recipe.model_dump(mode="json", exclude={"title", "tracking"})
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


def _said_by_file(path: str) -> str:
    # What a folder keeps, such as scores, changes no training.
    return hash_file(path) if Path(path).is_file() else ""


def _said_by_model(name: str) -> str:
    """Return what names the weights in a folder; the name where it is none, such as a hub's."""
    if not Path(name).is_dir():
        return name
    try:
        return resolve_model(name).weights_hash
    except ModelError:
        # A ranker has no weights; its card tells when it was trained anew.
        return _said_by_file(str(Path(name) / CARD_FILE)) or name
