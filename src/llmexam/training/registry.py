"""All trainers by the name of what they train: a solver, or the reranker of evidence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from llmexam.errors import MissingDependencyError, SettingsError, nearest
from llmexam.training.protocol import Trainer, TrainerClass

_TRAINERS = {
    "bi-encoder": "llmexam.training.bi_encoder.trainer:BiEncoderTrainer",
    "cross-encoder": "llmexam.training.cross_encoder.trainer:CrossEncoderTrainer",
    "multiple-choice": "llmexam.training.multiple_choice.trainer:MultipleChoiceTrainer",
    "reranker": "llmexam.training.cross_encoder.reranker:RerankerTrainer",
    "ranker": "llmexam.training.ranker.trainer:RankerTrainer",
}


def trainer_names() -> tuple[str, ...]:
    """Return the families that can be trained."""
    return tuple(_TRAINERS)


def trainer_class(family: str) -> TrainerClass:
    """Return the class of a family's trainer.

    Raises:
        SettingsError: There is no such family.
        MissingDependencyError: A package it needs is not installed.
    """
    if family not in _TRAINERS:
        raise SettingsError(
            f"there is no trainer for '{family}'", field="family", hint=nearest(family, _TRAINERS)
        )
    module, _, attribute = _TRAINERS[family].partition(":")
    try:
        found: TrainerClass = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("llmexam"):
            raise
        raise MissingDependencyError(
            f"training a {family}", error.name or "torch", "train"
        ) from error
    return found


def create_trainer(family: str, values: Mapping[str, Any] | None = None) -> Trainer:
    """Make a trainer from the family's name and its settings.

    Raises:
        SettingsError: The family, a key or a value is wrong.
        MissingDependencyError: A package it needs is not installed.
    """
    found = trainer_class(family)
    return found(found.settings_class.parse(values or {}, subject=f"training of '{family}'"))
