"""Rewrites as padded batches of a few fixed shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.causal import padded
from llmexam.training.base.batching import BatchPlan, Draw
from llmexam.training.keras_base.passes import padded_length, passes
from llmexam.training.keras_recoverer.settings import KerasRecovererTrainingSettings
from llmexam.training.rewrites.examples import Example, Examples
from llmexam.training.rewrites.grading import RANDOM_STEPS

Inputs = dict[str, NDArray[np.int32]]
Batch = tuple[Inputs, NDArray[np.float32], NDArray[np.float32]]

# Answers are short; padding them as wide as texts would multiply the logits.
_TARGET_MULTIPLE = 8


class AnswerBatches:
    """Assembles the batch of each pass.

    Args:
        examples: The training rows.
        settings: Sizes and seed.
        pad_id: Token id to pad with.
        longest: Context length of the model in tokens; None without a limit.
    """

    def __init__(
        self,
        examples: Examples,
        settings: KerasRecovererTrainingSettings,
        pad_id: int,
        longest: int | None,
    ) -> None:
        self._examples = examples
        self._settings = settings
        self._pad_id = pad_id
        self._longest = longest
        self._plan = BatchPlan(
            examples.n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            seed=settings.seed,
            bucket_steps=RANDOM_STEPS,
        )

    def __len__(self) -> int:
        return len(self._examples)

    def batches(self, first_step: int, n_steps: int) -> Iterator[Batch]:
        """Yield the batches of all passes from a step on.

        The gradient of a step is that of the mean loss over all its targets, however they are
        distributed over its passes.
        """
        n_passes = self._settings.gradient_accumulation
        step: list[Sequence[Draw]] = []
        for one in passes(
            self._plan,
            batch_size=self._settings.batch_size,
            n_passes=n_passes,
            first_step=first_step,
            n_steps=n_steps,
        ):
            step.append(one.draws)
            if len(step) == n_passes:
                rows = [draw.row for draws in step for draw in draws]
                n_targets = int(self._examples.n_targets[rows].sum())
                for draws in step:
                    own = [self._examples[draw.row] for draw in draws]
                    yield self.batch(own, share=n_passes / n_targets)
                step = []

    def batch(self, rows: Sequence[Example], *, share: float) -> Batch:
        """Return inputs, unused labels, and weights of one pass.

        Args:
            rows: At most `batch_size` examples.
            share: Weight of each target in the loss of the pass.
        """
        n_rows, multiple = self._settings.batch_size, self._settings.length_multiple
        n_tokens = max((one.n_tokens for one in rows), default=1)
        width = padded_length(n_tokens, multiple, self._longest or n_tokens + multiple)
        n_targets = max((len(one.targets) for one in rows), default=1)
        n_targets = padded_length(n_targets, min(_TARGET_MULTIPLE, multiple), width)
        # A row without tokens would attend to nothing.
        ids = [one.ids.tolist() for one in rows] + [[self._pad_id]] * (n_rows - len(rows))
        at = np.zeros((n_rows, n_targets), dtype=np.int32)
        targets = np.zeros((n_rows, n_targets), dtype=np.int32)
        weights = np.zeros((n_rows, n_targets), dtype=np.float32)
        for i, one in enumerate(rows):
            n = len(one.targets)
            # The state of a token predicts the next one.
            at[i, :n] = np.arange(one.start - 1, one.n_tokens - 1)
            targets[i, :n] = one.targets
            # Keras divides the sum of a pass by its number of places.
            weights[i, :n] = share * weights.size
        inputs = {**padded(ids, width, pad_id=self._pad_id), "at": at, "targets": targets}
        return inputs, np.zeros((n_rows, n_targets), dtype=np.float32), weights


def padding_share(examples: Examples, settings: KerasRecovererTrainingSettings) -> float:
    """Return the share of padding in the computed tokens of the first epoch, 0 to 1."""
    plan: Any = AnswerBatches(examples, settings, 0, None)._plan
    n_all = 0
    for one in passes(
        plan,
        batch_size=settings.batch_size,
        n_passes=settings.gradient_accumulation,
        first_step=0,
        n_steps=len(plan.steps(0)),
    ):
        longest = max((examples[draw.row].n_tokens for draw in one.draws), default=1)
        width = padded_length(longest, settings.length_multiple, longest + settings.length_multiple)
        n_all += settings.batch_size * width
    return 1 - float(examples.n_tokens.sum()) / n_all
