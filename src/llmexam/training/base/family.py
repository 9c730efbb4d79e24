"""Base of gradient trainers: a family provides model, data, loss and card fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import transformers

from llmexam.errors import MissingDependencyError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import ModelCard
from llmexam.lm.models.loading import ModelFolder
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.dev_set import DevSet
from llmexam.training.base.loop import run_training
from llmexam.training.base.processes import is_first_process
from llmexam.training.base.random_state import undisturbed
from llmexam.training.dev_metric import dev_values
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate, TrainedModel
from llmexam.training.settings import TrainingSettings
from llmexam.training.trained_model import read_trained_model, write_trained_model

AnyTraining = TypeVar("AnyTraining", bound=TrainingSettings)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Components that a family provides for one training.

    Attributes:
        trainer: A Trainer with model, data, loss and optimiser.
        source: The initial weights.
        card: Fields of `ModelCard` set by the family.
        save: Writes the trained model into a folder.
        dev: The dev questions, or None.
        grade_before: Whether to score the dev questions also before training; pointless with a
            new head, which is at chance.
        merge: Merges adapters into the weights after training.
        measure: Returns further metrics of the current weights, for the card.
        tokenizer: Saved beside the model, if given.
        notes: Notes for the user, such as the amount of truncation.
    """

    trainer: transformers.Trainer
    source: ModelFolder
    card: Mapping[str, Any]
    save: Callable[[Path], None]
    dev: DevSet | None = None
    grade_before: bool = True
    merge: Callable[[], None] = lambda: None
    measure: Callable[[], dict[str, float]] = field(default=dict)
    tokenizer: Any = None
    notes: tuple[str, ...] = ()


class GradientTrainer(ABC, Generic[AnyTraining]):
    """Base class of gradient trainers; see `protocol.Trainer`."""

    settings_class: ClassVar[type[TrainingSettings]]
    needs_answers: ClassVar[bool] = True
    """Whether every question must have an answer."""

    def __init__(self, settings: AnyTraining) -> None:
        self.settings = settings

    @abstractmethod
    def prepare(self, train: Exam, dev: Exam | None, folder: Path, *, resume: bool) -> Prepared:
        """Return model, data, loss and card fields of a training."""

    @abstractmethod
    def estimate(self, train: Exam) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""

    def check_machine(self) -> None:
        """Check packages, device and precision without loading a model.

        Raises:
            MissingDependencyError: A package that a setting needs is not installed.
            SettingsError: The device is not available, or does not support the precision.
        """
        training_precision(self.settings.precision, training_device(self.settings.device))
        if self.settings.lora is not None and find_spec("peft") is None:
            raise MissingDependencyError("training with adapters", "peft", "train")

    def fit(
        self,
        train: Exam,
        dev: Exam | None,
        folder: Path,
        *,
        card: dict[str, Any],
        tracker: Tracker,
        resume: bool = True,
    ) -> TrainedModel:
        """Train, and write the best weights to `folder`; see `Trainer.fit`.

        With several processes, only the first one evaluates and writes.
        """
        if resume and (done := read_trained_model(folder)) is not None:
            return done
        for exam in (train, dev):
            if exam is not None and self.needs_answers:
                require_trainable(exam)
        settings = self.settings
        transformers.set_seed(settings.seed)
        made = self.prepare(train, dev, folder, resume=resume)
        before: dict[str, float] = {}
        if is_first_process():
            with undisturbed():
                scores = made.dev.score() if made.dev and made.grade_before else None
                before = _figures(made, scores)
        trained = run_training(
            made.trainer, folder, settings, tracker=tracker, dev=made.dev, resume=resume
        )
        made.merge()
        after = _figures(made, trained.dev_scores) if is_first_process() else {}
        training = settings.model_dump(mode="json")
        known = {
            "base_model": settings.model,
            "base_weights_hash": made.source.weights_hash,
            "training": training,
            "metrics": {n: v for n, v in (("before", before), ("after", after)) if v},
            **made.card,
            **card,
        }
        return write_trained_model(
            folder,
            made.save,
            ModelCard(**known),
            tokenizer=made.tokenizer,
            curve=trained.curve,
            best_step=trained.best_step,
            dev_scores=trained.dev_scores,
            notes=made.notes,
        )


def _figures(made: Prepared, scores: ScoreMatrix | None) -> dict[str, float]:
    """Return the primary metric of dev scores, and the family's further metrics."""
    found: dict[str, float] = {}
    if made.dev is not None and scores is not None:
        found = dev_values(made.dev.exam, scores)
    return {**found, **made.measure()}
