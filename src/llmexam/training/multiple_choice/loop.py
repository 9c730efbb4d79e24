"""Trainer of multiple-choice models, with an optional adversarial pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import choice_objective
from llmexam.training.base.optimiser import create_optimiser
from llmexam.training.base.planned_trainer import PlannedTrainer
from llmexam.training.base.trainee import Trainee
from llmexam.training.multiple_choice.adversarial import adversarial_pass
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.distillation import distilled
from llmexam.training.multiple_choice.model import ChoiceModel
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings


class ChoiceTrainer(PlannedTrainer):
    """Trains a reader on `ChoiceData`.

    Args:
        trainee: What is trained.
        data: The training questions.
        settings: How to train.
        folder: The folder of the training.
    """

    def __init__(
        self,
        trainee: Trainee,
        data: ChoiceData,
        settings: MultipleChoiceTrainingSettings,
        folder: Path,
    ) -> None:
        model = ChoiceModel(trainee.reader)
        loss = choice_objective(settings.objective, settings.label_smoothing)
        if settings.distillation is not None:
            loss = distilled(loss, settings.distillation.weight)
        super().__init__(
            model,
            # Gradient checkpointing was enabled on the reader; its wrapper does not support it.
            settings.model_copy(update={"gradient_checkpointing": False}),
            folder,
            n_tokens=data.read.n_tokens,
            loss=loss,
            optimiser=create_optimiser(model, settings, trainee.head_names),
            difficulty=data.difficulty,
            n_ordered_epochs=settings.curriculum.epochs if settings.curriculum else 0,
        )
        self._settings = settings
        self._data = data

    def collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """Return the model inputs of one pass, with `labels`."""
        return self._data.collate(draws)

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of one pass, and accumulate its gradients."""
        adversarial = self._settings.adversarial
        # A copy, because the loss removes the labels from its input.
        again = dict(inputs)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if adversarial is None or (self.state.epoch or 0.0) < adversarial.from_epoch:
            return loss

        def backward() -> Tensor:
            return super(ChoiceTrainer, self).training_step(model, again, num_items_in_batch)

        adversarial_pass(self.accelerator.unwrap_model(model), adversarial, backward)
        return loss
