"""Base of gradient trainers: a family provides model, data, loss and card fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import transformers

from llmexam.errors import ExamError, MissingDependencyError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.lm.models.card import ModelCard
from llmexam.lm.models.loading import ModelFolder
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.dev_set import DevItems, named_grades
from llmexam.training.base.loop import run_training
from llmexam.training.base.processes import is_first_process
from llmexam.training.base.random_state import undisturbed
from llmexam.training.one_right import with_one_right
from llmexam.training.preflight import require_trainable
from llmexam.training.protocol import Estimate, TrainedModel, TrainingItems
from llmexam.training.settings import TrainingSettings
from llmexam.training.trained_model import read_trained_model, write_trained_model

AnyTraining = TypeVar("AnyTraining", bound=TrainingSettings)
AnyItems = TypeVar("AnyItems", bound=TrainingItems)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Components that a family provides for one training.

    Attributes:
        trainer: A Trainer with model, data, loss and optimiser.
        source: The initial weights.
        card: Fields of `ModelCard` set by the family.
        save: Writes the trained model into a folder.
        dev: The dev items, or None.
        grade_before: Whether to grade the dev items also before training; pointless with a
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
    dev: DevItems | None = None
    grade_before: bool = True
    merge: Callable[[], None] = lambda: None
    measure: Callable[[], dict[str, float]] = field(default=dict)
    tokenizer: Any = None
    notes: tuple[str, ...] = ()


class GradientTrainer(ABC, Generic[AnyTraining, AnyItems]):
    """Base class of gradient trainers; see `protocol.Trainer`."""

    settings_class: ClassVar[type[TrainingSettings]]
    smooths_labels: ClassVar[bool] = False
    """Whether the family's losses support label smoothing."""

    def __init__(self, settings: AnyTraining) -> None:
        self.settings = settings

    @abstractmethod
    def require_usable(self, items: AnyItems) -> None:
        """Check that items can be trained on, or select the best step.

        Raises:
            ExamError: They cannot.
        """

    def to_train_on(self, items: AnyItems) -> AnyItems:
        """Return training items in the form that the losses need; `estimate` calls it itself."""
        return items

    @abstractmethod
    def prepare(
        self, train: AnyItems, dev: AnyItems | None, folder: Path, *, resume: bool
    ) -> Prepared:
        """Return model, data, loss and card fields of a training."""

    @abstractmethod
    def estimate(self, train: AnyItems) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""

    def check_machine(self) -> None:
        """Check packages, device and precision without loading a model.

        Raises:
            MissingDependencyError: A package that a setting needs is not installed.
            SettingsError: The device is not available or does not support the precision, or the
            family has no label smoothing.
        """
        training_precision(self.settings.precision, training_device(self.settings.device))
        if self.settings.label_smoothing and not self.smooths_labels:
            raise SettingsError("is not supported by this family", field="label_smoothing")
        if self.settings.lora is not None and find_spec("peft") is None:
            raise MissingDependencyError("training with adapters", "peft", "train")

    def fit(
        self,
        train: AnyItems,
        dev: AnyItems | None,
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
        for items in (train, dev):
            if items is not None:
                self.require_usable(items)
        settings = self.settings
        transformers.set_seed(settings.seed)
        made = self.prepare(self.to_train_on(train), dev, folder, resume=resume)
        before: dict[str, float] = {}
        if is_first_process():
            with undisturbed():
                graded = made.dev.grade() if made.dev and made.grade_before else None
                before = {**named_grades(made.dev, graded), **made.measure()}
        trained = run_training(
            made.trainer, folder, settings, tracker=tracker, dev=made.dev, resume=resume
        )
        made.merge()
        after: dict[str, float] = {}
        if is_first_process():
            after = {**named_grades(made.dev, trained.dev), **made.measure()}
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
            dev_scores=trained.dev.scores if trained.dev else None,
            notes=made.notes,
        )


class QuestionTrainer(GradientTrainer[AnyTraining, Exam]):
    """Base class of gradient trainers whose items are multiple-choice questions."""

    needs_answers: ClassVar[bool] = True
    """Whether every question must have an answer."""

    def require_usable(self, items: Exam) -> None:
        """Check that there are questions, all with answers if they are needed."""
        if self.needs_answers:
            require_trainable(items)

    def to_train_on(self, items: Exam) -> Exam:
        """Return the questions with one right option each."""
        return with_one_right(items)


class RewriteTrainer(GradientTrainer[AnyTraining, RewriteExam]):
    """Base class of gradient trainers whose items are rewritten texts with known prompts."""

    def require_usable(self, items: RewriteExam) -> None:
        """Check that there are rows, all with known prompts."""
        if not len(items):
            raise ExamError("there are no training rows", file=items.source or None)
        _ = items.prompts
