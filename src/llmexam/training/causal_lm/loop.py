"""Trainer of decoders, with a loss averaged over the tokens or questions of a step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from llmexam.lm.decoder import HEAD_NAME
from llmexam.training.base.batching import Draw
from llmexam.training.base.losses import NO_LABEL
from llmexam.training.base.optimiser import create_optimiser
from llmexam.training.base.planned_trainer import PlannedTrainer
from llmexam.training.causal_lm.deepspeed import deepspeed_config
from llmexam.training.causal_lm.model import Trainee
from llmexam.training.causal_lm.objective import total_loss
from llmexam.training.causal_lm.rows import collate
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.prompts.examples import Examples


class DecoderTrainer(PlannedTrainer):
    """Fine-tunes a decoder on examples.

    Args:
        trainee: The model, with freezing and adapters applied.
        examples: The training questions.
        settings: Training settings.
        folder: The training folder.
        overrides: Arguments of the Trainer that override ours.
    """

    def __init__(
        self,
        trainee: Trainee,
        examples: Examples,
        settings: CausalLmTrainingSettings,
        folder: Path,
        **overrides: Any,
    ) -> None:
        config = deepspeed_config(settings)
        sharding: dict[str, Any] = {} if config is None else {"deepspeed": config}
        self._total = total_loss(settings.objective, settings.label_smoothing)
        own = config is None or "optimizer" not in config
        new = (HEAD_NAME,) if settings.objective == "binary-head" else ()
        super().__init__(
            trainee.model,
            settings,
            folder,
            n_tokens=examples.n_tokens,
            loss=self._total,
            optimiser=create_optimiser(trainee.model, settings, new) if own else None,
            **{**sharding, **overrides},
        )
        # Otherwise the Trainer passes the count to the model, which computes no loss.
        self.model_accepts_loss_kwargs = False
        self._trainee = trainee
        self._examples = examples
        self._by_token = settings.objective == "answer"

    def collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """Return the model inputs of one pass, with the targets of its logits under `asked`."""
        return collate(
            [self._examples.draw(draw.row, draw.epoch) for draw in draws],
            [draw.counts for draw in draws],
            by_token=self._by_token,
            shares=self._trainee.shares,
            boolean_mask=self._trainee.boolean_mask,
            pad_id=self._trainee.pad_id,
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the pass's contribution to the mean over all tokens or questions of the step."""
        labels = inputs.pop("labels")[0, 1:]
        asked = inputs.pop("asked")
        n_window = inputs["logits_to_keep"]
        outputs = model(**inputs, use_cache=False)
        # Models without `logits_to_keep` return all logits.
        logits = outputs.logits[:, -n_window:]
        n_items = (labels != NO_LABEL).sum() if num_items_in_batch is None else num_items_in_batch
        # Gradients are averaged over processes, but the count is the total of all processes.
        n_processes = 1 if num_items_in_batch is None else self.accelerator.num_processes
        loss: Tensor = self._total(logits, labels, asked) / n_items * n_processes
        return (loss, outputs) if return_outputs else loss
