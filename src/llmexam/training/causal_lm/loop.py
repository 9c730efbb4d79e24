"""The Trainer of transformers, with batches of neighbours in length and losses by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from llmexam.lm.decoder import HEAD_NAME
from llmexam.training.arguments import training_arguments
from llmexam.training.causal_lm.deepspeed import deepspeed_config
from llmexam.training.causal_lm.examples import Examples
from llmexam.training.causal_lm.model import Trainee
from llmexam.training.causal_lm.objective import total_loss
from llmexam.training.causal_lm.rows import NOTHING, collate
from llmexam.training.causal_lm.settings import CausalLmTrainingSettings
from llmexam.training.multiple_choice.batching import BatchPlan, Draw
from llmexam.training.optimiser import create_optimiser


class DecoderTrainer(transformers.Trainer):
    """Fine-tunes a decoder on examples.

    Args:
        trainee: The model, frozen and adapted as it is to be.
        examples: The training questions.
        settings: How to train.
        folder: The folder of the training.
        overrides: Arguments of the Trainer that win over ours.
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
        arguments = training_arguments(
            settings,
            folder,
            remove_unused_columns=False,
            label_names=["labels"],
            **{**sharding, **overrides},
        )
        self._total = total_loss(settings.objective, settings.label_smoothing)
        own = config is None or "optimizer" not in config
        new = (HEAD_NAME,) if settings.objective == "binary-head" else ()
        super().__init__(
            model=trainee.model,
            args=arguments,
            train_dataset=_Drawn(len(examples)),
            # Its being there makes the Trainer count labels over the whole step.
            compute_loss_func=self._total,
            optimizers=(create_optimiser(trainee.model, settings, new) if own else None, None),
        )
        # Else the count is given to the model, which has no loss to divide by it.
        self.model_accepts_loss_kwargs = False
        self._trainee = trainee
        self._examples = examples
        self._by_token = settings.objective == "answer"
        self.plan = BatchPlan(
            examples.n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            n_processes=arguments.world_size,
            process=arguments.process_index,
            seed=settings.seed,
        )
        self.add_callback(_EpochTeller(self.plan, settings.gradient_accumulation))

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the passes of this process; the plan deals the questions to the processes."""
        return DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_sampler=self.plan,
            collate_fn=self._collate,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the pass's share of the mean over all tokens, or questions, of the step."""
        labels = inputs.pop("labels")[0, 1:]
        asked = inputs.pop("asked")
        n_window = inputs["logits_to_keep"]
        outputs = model(**inputs, use_cache=False)
        # Models that know no `logits_to_keep` return all.
        logits = outputs.logits[:, -n_window:]
        n_items = (labels != NOTHING).sum() if num_items_in_batch is None else num_items_in_batch
        # Gradients are averaged over processes, and the count is that of all of them.
        n_processes = 1 if num_items_in_batch is None else self.accelerator.num_processes
        loss: Tensor = self._total(logits, labels, asked) / n_items * n_processes
        return (loss, outputs) if return_outputs else loss

    def _collate(self, draws: Sequence[Draw]) -> dict[str, Any]:
        return collate(
            [self._examples.draw(draw.row, draw.epoch) for draw in draws],
            [draw.counts for draw in draws],
            by_token=self._by_token,
            shares=self._trainee.shares,
            boolean_mask=self._trainee.boolean_mask,
            pad_id=self._trainee.pad_id,
        )


class _Drawn(Dataset[Draw]):
    """As many questions as there are; what is drawn is put together later."""

    def __init__(self, n_questions: int) -> None:
        self._n_questions = n_questions

    def __len__(self) -> int:
        return self._n_questions

    def __getitem__(self, draw: Draw) -> Draw:
        return draw


class _EpochTeller(transformers.TrainerCallback):
    """Tells the plan which epoch begins, also one that is resumed in its middle."""

    def __init__(self, plan: BatchPlan, n_passes: int) -> None:
        self._plan = plan
        self._n_passes = n_passes

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Choose the epoch."""
        steps = -(-len(self._plan) // self._n_passes)
        self._plan.set_epoch(state.global_step // steps)
