"""The Trainer of transformers, with our batches and the second pass against the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from torch import Tensor, nn
from torch.utils.data import DataLoader

from llmexam.training.arguments import training_arguments
from llmexam.training.multiple_choice.adversarial import adversarial_pass
from llmexam.training.multiple_choice.batching import BatchPlan
from llmexam.training.multiple_choice.data import ChoiceData
from llmexam.training.multiple_choice.objective import ChoiceModel, choice_objective
from llmexam.training.multiple_choice.settings import MultipleChoiceTrainingSettings
from llmexam.training.optimiser import create_optimiser


class ChoiceTrainer(transformers.Trainer):
    """Trains a `ChoiceModel` on `ChoiceData`.

    Args:
        model: The model, ready: frozen, adapted and with the dropout it is to have.
        data: The training questions.
        settings: How to train.
        folder: The folder of the training.
        head_names: Names of the modules that are new.
    """

    def __init__(
        self,
        model: ChoiceModel,
        data: ChoiceData,
        settings: MultipleChoiceTrainingSettings,
        folder: Path,
        head_names: tuple[str, ...],
    ) -> None:
        arguments = training_arguments(
            # The reader was told of it when it was made; the model around it cannot be.
            settings.model_copy(update={"gradient_checkpointing": False}),
            folder,
            remove_unused_columns=False,
            label_names=["labels"],
        )
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=data,
            data_collator=data.collate,
            compute_loss_func=choice_objective(settings.objective, settings.label_smoothing),
            optimizers=(create_optimiser(model, settings, head_names), None),
        )
        self._settings = settings
        self._data = data
        self.plan = BatchPlan(
            data.read.n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            n_processes=arguments.world_size,
            process=arguments.process_index,
            seed=settings.seed,
        )
        self.add_callback(_EpochTeller(self.plan, settings.gradient_accumulation))

    def use_plan(self, plan: Any) -> None:
        """Train on other passes: a batch sampler whose batches are of `Draw`."""
        self.plan = plan

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the passes of this process.

        accelerate is not asked to prepare it: the plan deals the questions to the processes.
        """
        return DataLoader(
            self._data,
            batch_sampler=self.plan,
            collate_fn=self._data.collate,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of one pass, with its gradients added up."""
        adversarial = self._settings.adversarial
        # The loss takes the labels out of what it is given.
        again = dict(inputs)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if adversarial is None or (self.state.epoch or 0.0) < adversarial.from_epoch:
            return loss

        def backward() -> Tensor:
            return super(ChoiceTrainer, self).training_step(model, again, num_items_in_batch)

        adversarial_pass(self.accelerator.unwrap_model(model), adversarial, backward)
        return loss


class _EpochTeller(transformers.TrainerCallback):
    """Tells the plan which epoch begins; the Trainer does so for samplers it wrapped itself."""

    def __init__(self, plan: BatchPlan, n_passes: int) -> None:
        self._plan = plan
        self._n_passes = n_passes

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Choose the epoch, also one that is resumed in its middle."""
        steps = -(-len(self._plan) // self._n_passes)
        self._plan.set_epoch(state.global_step // steps)
