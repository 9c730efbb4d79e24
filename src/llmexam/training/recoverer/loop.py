"""Trainer of decoders on prompts, with a loss averaged over the prompt tokens of a step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.base.optimiser import create_optimiser
from llmexam.training.base.planned_trainer import PlannedTrainer
from llmexam.training.decoders.model import Trainee
from llmexam.training.recoverer.head import summed_loss
from llmexam.training.recoverer.rows import collate, split_by_tokens
from llmexam.training.recoverer.settings import RecovererTrainingSettings
from llmexam.training.rewrites.examples import Examples
from llmexam.training.rewrites.grading import RANDOM_STEPS


class PromptTrainer(PlannedTrainer):
    """Fine-tunes a decoder on the prompts of rewrites.

    Args:
        trainee: The model, with freezing and adapters applied.
        examples: The training rows.
        settings: Training settings.
        folder: The training folder.
        overrides: Arguments of the Trainer that override ours.
    """

    def __init__(
        self,
        trainee: Trainee,
        examples: Examples,
        settings: RecovererTrainingSettings,
        folder: Path,
        **overrides: Any,
    ) -> None:
        super().__init__(
            trainee.model,
            settings,
            folder,
            n_tokens=examples.n_tokens,
            # Called by nothing; with it, the Trainer counts the labels of a whole step.
            loss=lambda *unused, **others: torch.zeros(()),
            optimiser=create_optimiser(trainee.model, settings, ()),
            bucket_steps=RANDOM_STEPS,
            **overrides,
        )
        # Otherwise the Trainer passes the count to the model, which computes no loss.
        self.model_accepts_loss_kwargs = False
        self._trainee = trainee
        self._examples = examples
        self._limit = settings.tokens_per_pass

    def collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """Return the passes of one batch, with the labels of all of them to count."""
        lengths = [int(self._examples.n_tokens[draw.row]) for draw in draws]
        passes = []
        for part in split_by_tokens(lengths, self._limit):
            own = draws[part.start : part.stop]
            passes.append(
                collate(
                    [self._examples[draw.row] for draw in own],
                    [draw.counts for draw in own],
                    pad_id=self._trainee.pad_id,
                )
            )
        labels = [torch.tensor([NO_LABEL]), *(one["targets"] for one in passes)]
        # The Trainer ignores the first label of a row, because it expects shifted tokens.
        return {"labels": torch.cat(labels)[None], "passes": passes}

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the batch's loss, and add its gradients, pass by pass."""
        passes = inputs["passes"]
        if num_items_in_batch is None:
            num_items_in_batch = (inputs["labels"][0, 1:] != NO_LABEL).sum()
        losses = []
        for number, part in enumerate(passes, 1):
            # Processes have different numbers of passes, and meet after the last one.
            is_last = number == len(passes)
            with nullcontext() if is_last else self.accelerator.no_sync(model):
                losses.append(super().training_step(model, part, num_items_in_batch))
        return torch.stack(losses).sum()

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the pass's contribution to the mean over all prompt tokens of the step."""
        total, logits = summed_loss(model, self._trainee.decoder, inputs)
        # Gradients are averaged over processes, but the count is the total of all processes.
        loss = total / num_items_in_batch * self.accelerator.num_processes
        return (loss, {"logits": logits}) if return_outputs else loss
