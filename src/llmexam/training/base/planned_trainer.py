"""transformers' Trainer with the batches of a `BatchPlan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset

from llmexam.training.base.arguments import training_arguments
from llmexam.training.base.batching import BUCKET_STEPS, BatchPlan, Draw
from llmexam.training.base.losses import StepLoss
from llmexam.training.settings import TrainingSettings


class PlannedTrainer(transformers.Trainer):
    """Trainer with the order of a `BatchPlan`; a family builds passes in `collate`.

    Args:
        model: The model, ready to be trained.
        settings: Training settings.
        folder: The training folder.
        n_tokens: Tokens of each question, shape `[n_questions]`.
        loss: The loss of a step. With it, the Trainer counts the labels of a whole step.
        optimiser: The optimiser; None if DeepSpeed creates it.
        bucket_steps: As in `BatchPlan`.
        difficulty: As in `BatchPlan`.
        n_ordered_epochs: As in `BatchPlan`.
        **overrides: Arguments of the Trainer that override ours.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        folder: Path,
        *,
        n_tokens: Any,
        loss: StepLoss,
        optimiser: torch.optim.Optimizer | None,
        bucket_steps: int = BUCKET_STEPS,
        difficulty: NDArray[np.float64] | None = None,
        n_ordered_epochs: int = 0,
        **overrides: Any,
    ) -> None:
        arguments = training_arguments(
            settings, folder, remove_unused_columns=False, label_names=["labels"], **overrides
        )
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=_Draws(len(n_tokens)),
            compute_loss_func=loss,
            optimizers=(optimiser, None),
        )
        self.plan = BatchPlan(
            n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            n_processes=arguments.world_size,
            process=arguments.process_index,
            seed=settings.seed,
            bucket_steps=bucket_steps,
            difficulty=difficulty,
            n_ordered_epochs=n_ordered_epochs,
        )
        self.add_callback(_PlanEpochs(self.plan, settings.gradient_accumulation))

    def use_plan(self, plan: Any) -> None:
        """Replace the plan by another batch sampler of `Draw`."""
        self.plan = plan

    def collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """Return the model inputs of one pass, with `labels`."""
        raise NotImplementedError

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the data loader of this process.

        It is not prepared by accelerate, because the plan distributes questions over processes.
        """
        return DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_sampler=self.plan,
            collate_fn=self.collate,
            pin_memory=self.args.dataloader_pin_memory,
        )


class _Draws(Dataset[Draw]):
    """Dataset that returns its indices; `collate` builds the inputs from the draws."""

    def __init__(self, n_questions: int) -> None:
        self._n_questions = n_questions

    def __len__(self) -> int:
        return self._n_questions

    def __getitem__(self, draw: Draw) -> Draw:
        return draw


class _PlanEpochs(transformers.TrainerCallback):
    """Sets the epoch of the plan; the Trainer does this only for samplers that it wraps."""

    def __init__(self, plan: BatchPlan, n_passes: int) -> None:
        self._plan = plan
        self._n_passes = n_passes

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Set the epoch, also when resuming in its middle."""
        steps = -(-len(self._plan) // self._n_passes)
        self._plan.set_epoch(state.global_step // steps)
