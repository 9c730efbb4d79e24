"""Registry of trainers by family: a solver, or what else a model is trained for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from llmexam.errors import MissingDependencyError, SettingsError, nearest
from llmexam.settings.base import Settings
from llmexam.training.protocol import Trainer, TrainerClass


@dataclass(frozen=True, slots=True)
class TrainerEntry:
    """Import paths of a trainer and its settings (`module:Class`), imported on demand.

    Attributes:
        target: The trainer, which imports what it trains with.
        settings: Its settings, which import neither torch nor lightgbm.
        task: The task whose items it is trained on.
        solver: The solver that reads its models, if its name is another one than the family's.
    """

    target: str
    settings: str
    task: Literal["multiple-choice", "prompt-recovery"] = "multiple-choice"
    solver: str | None = None


_TRAINERS = {
    "bi-encoder": TrainerEntry(
        "llmexam.training.bi_encoder.trainer:BiEncoderTrainer",
        "llmexam.training.bi_encoder.settings:BiEncoderTrainingSettings",
    ),
    "causal-lm": TrainerEntry(
        "llmexam.training.causal_lm.trainer:CausalLmTrainer",
        "llmexam.training.causal_lm.settings:CausalLmTrainingSettings",
    ),
    "cross-encoder": TrainerEntry(
        "llmexam.training.cross_encoder.trainer:CrossEncoderTrainer",
        "llmexam.training.cross_encoder.settings:CrossEncoderTrainingSettings",
    ),
    "keras-choice": TrainerEntry(
        "llmexam.training.keras_choice.trainer:KerasChoiceTrainer",
        "llmexam.training.keras_choice.settings:KerasChoiceTrainingSettings",
    ),
    "keras-letters": TrainerEntry(
        "llmexam.training.keras_letters.trainer:KerasLettersTrainer",
        "llmexam.training.keras_letters.settings:KerasLettersTrainingSettings",
        solver="causal-lm",
    ),
    "keras-recoverer": TrainerEntry(
        "llmexam.training.keras_recoverer.trainer:KerasRecovererTrainer",
        "llmexam.training.keras_recoverer.settings:KerasRecovererTrainingSettings",
        task="prompt-recovery",
    ),
    "multiple-choice": TrainerEntry(
        "llmexam.training.multiple_choice.trainer:MultipleChoiceTrainer",
        "llmexam.training.multiple_choice.settings:MultipleChoiceTrainingSettings",
    ),
    "prompt-reranker": TrainerEntry(
        "llmexam.training.prompt_reranker.trainer:PromptRerankerTrainer",
        "llmexam.training.prompt_reranker.settings:PromptRerankerTrainingSettings",
        task="prompt-recovery",
    ),
    "recoverer": TrainerEntry(
        "llmexam.training.recoverer.trainer:RecovererTrainer",
        "llmexam.training.recoverer.settings:RecovererTrainingSettings",
        task="prompt-recovery",
    ),
    "reranker": TrainerEntry(
        "llmexam.training.reranker.trainer:RerankerTrainer",
        "llmexam.training.reranker.settings:RerankerTrainingSettings",
    ),
    "ranker": TrainerEntry(
        "llmexam.training.ranker.trainer:RankerTrainer",
        "llmexam.training.ranker.settings:RankerTrainingSettings",
    ),
}


def trainer_names() -> tuple[str, ...]:
    """Return the families that can be trained."""
    return tuple(_TRAINERS)


def training_settings(family: str) -> type[Settings]:
    """Return the settings class of a family, without importing training libraries.

    Raises:
        SettingsError: There is no such family.
    """
    found: type[Settings] = _load(_entry(family).settings)
    return found


def trained_task(family: str) -> str:
    """Return the name of the task whose items a family is trained on.

    Raises:
        SettingsError: There is no such family.
    """
    return _entry(family).task


def trained_solver(family: str) -> str:
    """Return the name of the solver that reads the models of a family, if there is one.

    Raises:
        SettingsError: There is no such family.
    """
    return _entry(family).solver or family


def trainer_class(family: str) -> TrainerClass:
    """Return the class of a family's trainer.

    Raises:
        SettingsError: There is no such family.
        MissingDependencyError: A package it needs is not installed.
    """
    entry = _entry(family)
    try:
        found: TrainerClass = _load(entry.target)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("llmexam"):
            raise
        raise MissingDependencyError(
            f"training a {family}", error.name or "torch", "train"
        ) from error
    return found


def _entry(family: str) -> TrainerEntry:
    if family not in _TRAINERS:
        raise SettingsError(
            f"unknown training family '{family}'", field="family", hint=nearest(family, _TRAINERS)
        )
    return _TRAINERS[family]


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def create_trainer(family: str, values: Mapping[str, Any] | Settings | None = None) -> Trainer[Any]:
    """Create a trainer from the family's name and its settings, a mapping or an object.

    Raises:
        SettingsError: The family, a key or a value is wrong.
        MissingDependencyError: A package it needs is not installed.
    """
    found = trainer_class(family)
    if isinstance(values, Settings):
        return found(values)
    return found(found.settings_class.parse(values or {}, subject=f"training of '{family}'"))
