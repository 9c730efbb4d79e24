"""Base of Keras trainers: a family provides model, batches, dev items and card fields.

This module imports Keras only in `fit` and `estimate`, after the choice of its backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from llmexam.errors import SettingsError
from llmexam.lm.keras_models.backend import choose_backend, import_keras, require_backend
from llmexam.lm.models.card import ModelCard
from llmexam.lm.models.loading import ModelFolder
from llmexam.tracking.tracker import Tracker
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.dev_set import DevItems, named_grades
from llmexam.training.base.estimate import count_steps
from llmexam.training.keras_base.settings import KerasTrainingSettings
from llmexam.training.protocol import Estimate, TrainedModel, TrainingItems
from llmexam.training.trained_model import read_trained_model, write_trained_model

AnyTraining = TypeVar("AnyTraining", bound=KerasTrainingSettings)
AnyItems = TypeVar("AnyItems", bound=TrainingItems)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Components that a family provides for one training.

    Attributes:
        model: The compiled Keras model.
        batches: Returns the inputs, labels and weights of all passes from a step on.
        rows: The training rows.
        source: The initial weights.
        card: Fields of `ModelCard` set by the family.
        save: Writes the trained model into a folder.
        dev: The dev items, or None.
        grade_before: Whether to grade the dev items also before training; pointless with a new
            head, which is at chance.
        merge: Merges adapters into the weights after training.
        tokenizer: Saved beside the model, if given.
        notes: Notes for the user, such as the amount of truncation.
    """

    model: Any
    batches: Callable[[int], Iterator[tuple[Any, ...]]]
    rows: Any
    source: ModelFolder
    card: Mapping[str, Any]
    save: Callable[[Path], None]
    dev: DevItems | None = None
    grade_before: bool = True
    merge: Callable[[], None] = lambda: None
    tokenizer: Any = None
    notes: tuple[str, ...] = ()


class KerasTrainer(ABC, Generic[AnyTraining, AnyItems]):
    """Base class of Keras trainers; see `protocol.Trainer`."""

    settings_class: ClassVar[type[KerasTrainingSettings]]

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
    def prepare(self, train: AnyItems, dev: AnyItems | None, n_steps: int | None) -> Prepared:
        """Return model, batches and card fields of a training.

        Args:
            train: The training items.
            dev: The dev items, or None.
            n_steps: Number of steps; by default that of `planned_steps`.
        """

    @abstractmethod
    def estimate(self, train: AnyItems) -> Estimate:
        """Return an estimate of the training's cost, from the data and a few timed steps."""

    def check_machine(self) -> None:
        """Check packages, backend, device and precision without loading a model.

        Raises:
            MissingDependencyError: Keras, KerasHub or the backend is not installed.
            SettingsError: The backend, the device or the precision is not available.
        """
        settings = self.settings
        backend = choose_backend(settings.backend)
        require_backend(backend)
        if settings.parallel != "none" and backend != "jax":
            raise SettingsError(
                f"expected backend jax for `parallel: {settings.parallel}`, got {backend}",
                field="parallel",
                hint="Set backend: jax, or parallel: none",
            )
        if backend == "torch":
            training_precision(settings.precision, training_device(settings.device))

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
        """Train, and write the best weights to `folder`; see `Trainer.fit`."""
        if resume and (done := read_trained_model(folder)) is not None:
            return done
        for items in (train, dev):
            if items is not None:
                self.require_usable(items)
        settings = self.settings
        self.check_machine()
        keras = import_keras(settings.backend)
        # Imports Keras, so it must come after the choice of its backend.
        from llmexam.training.keras_base.loop import run_training
        from llmexam.training.keras_base.placement import placed

        keras.utils.set_random_seed(settings.seed)
        with placed(settings):
            made = self.prepare(self.to_train_on(train), dev, None)
            before = made.dev.grade() if made.dev and made.grade_before else None
            n_steps, per_epoch = count_steps(len(made.rows), settings)
            trained = run_training(
                made.model,
                made.batches,
                folder,
                settings,
                n_steps=n_steps,
                per_epoch=per_epoch,
                tracker=tracker,
                dev=made.dev,
                resume=resume,
            )
            made.merge()
            figures = {
                "before": named_grades(made.dev, before),
                "after": named_grades(made.dev, trained.dev),
            }
            known = {
                "base_model": settings.model,
                "base_weights_hash": made.source.weights_hash,
                "training": settings.model_dump(mode="json"),
                "metrics": {name: values for name, values in figures.items() if values},
                **made.card,
                **card,
            }
            compiled = trained.compilations
            notes = [f"Keras {keras.__version__} on {keras.backend.backend()}"]
            if compiled.n:
                notes.append(
                    f"{compiled.n} programs compiled in {compiled.seconds:.1f} s, for "
                    f"batches of {len(compiled.shapes)} "
                    f"{'shape' if len(compiled.shapes) == 1 else 'shapes'}"
                )
            return write_trained_model(
                folder,
                made.save,
                ModelCard(**known),
                tokenizer=made.tokenizer,
                curve=trained.curve,
                best_step=trained.best_step,
                dev_scores=trained.dev.scores if trained.dev else None,
                notes=(*made.notes, *notes),
            )
