"""Texts with answers to learn, as padded batches of a few fixed shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llmexam.lm.keras_models.causal import padded
from llmexam.training.base.batching import BUCKET_STEPS, BatchPlan
from llmexam.training.keras_base.passes import padded_length, passes
from llmexam.training.keras_base.settings import KerasTrainingSettings

Inputs = dict[str, NDArray[np.int32]]
Batch = tuple[Inputs, NDArray[np.float32], NDArray[np.float32]]
Ints = NDArray[np.int64]

# Answers are short; padding them as wide as texts would multiply the logits.
_TARGET_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A text, and the tokens that are learned in it.

    Attributes:
        ids: Token ids, shape `[n_tokens]`.
        at: Index of the state that predicts each target, shape `[n_targets]`.
        targets: Token ids to learn, shape `[n_targets]`.
    """

    ids: Ints
    at: Ints
    targets: Ints

    @classmethod
    def of(cls, ids: Sequence[int] | Ints, start: int) -> AnswerRow:
        """Return the row of a text whose tokens from `start` on are learned."""
        tokens = np.asarray(ids, dtype=np.int64)
        # The state of a token predicts the next one.
        return cls(tokens, np.arange(start - 1, len(tokens) - 1), tokens[start:])


class AnswerRows(Protocol):
    """The training rows.

    Attributes:
        n_tokens: Tokens of each row, shape `[n_rows]`.
        n_targets: Targets of each row, shape `[n_rows]`.
    """

    n_tokens: Ints
    n_targets: Ints

    def __len__(self) -> int: ...

    def draw(self, row: int, epoch: int) -> AnswerRow:
        """Return a row as it is in an epoch."""
        ...


class AnswerBatches:
    """Assembles the batch of each pass.

    Args:
        rows: The training rows.
        settings: Sizes and seed.
        pad_id: Token id to pad with.
        longest: Context length of the model in tokens; None without a limit.
        bucket_steps: Steps within which rows of similar length are chosen; see `BatchPlan`.
    """

    def __init__(
        self,
        rows: AnswerRows,
        settings: KerasTrainingSettings,
        pad_id: int,
        longest: int | None,
        bucket_steps: int = BUCKET_STEPS,
    ) -> None:
        self._rows = rows
        self._settings = settings
        self._pad_id = pad_id
        self._longest = longest
        self._plan = BatchPlan(
            rows.n_tokens,
            settings.batch_size,
            n_passes=settings.gradient_accumulation,
            seed=settings.seed,
            bucket_steps=bucket_steps,
        )

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, first_step: int, n_steps: int) -> Iterator[Batch]:
        """Yield the batches of all passes from a step on.

        The gradient of a step is that of the mean loss over all its targets, however they are
        distributed over its passes.
        """
        n_passes = self._settings.gradient_accumulation
        step: list[list[AnswerRow]] = []
        for one in passes(
            self._plan,
            batch_size=self._settings.batch_size,
            n_passes=n_passes,
            first_step=first_step,
            n_steps=n_steps,
        ):
            step.append([self._rows.draw(draw.row, draw.epoch) for draw in one.draws])
            if len(step) == n_passes:
                n_targets = sum(len(row.targets) for rows in step for row in rows)
                for rows in step:
                    yield self.batch(rows, share=n_passes / n_targets)
                step = []

    def batch(self, rows: Sequence[AnswerRow], *, share: float) -> Batch:
        """Return inputs, unused labels, and weights of one pass.

        Args:
            rows: At most `batch_size` rows.
            share: Weight of each target in the loss of the pass.
        """
        n_rows, multiple = self._settings.batch_size, self._settings.length_multiple
        n_tokens = max((len(one.ids) for one in rows), default=1)
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
            at[i, :n] = one.at
            targets[i, :n] = one.targets
            # Keras divides the sum of a pass by its number of places.
            weights[i, :n] = share * weights.size
        inputs = {**padded(ids, width, pad_id=self._pad_id), "at": at, "targets": targets}
        return inputs, np.zeros((n_rows, n_targets), dtype=np.float32), weights

    def padding_share(self) -> float:
        """Return the share of padding in the computed tokens of the first epoch, 0 to 1."""
        settings, n_tokens = self._settings, self._rows.n_tokens
        n_all = 0
        for one in passes(
            self._plan,
            batch_size=settings.batch_size,
            n_passes=settings.gradient_accumulation,
            first_step=0,
            n_steps=len(self._plan.steps(0)),
        ):
            longest = max((int(n_tokens[draw.row]) for draw in one.draws), default=1)
            most = longest + settings.length_multiple
            n_all += settings.batch_size * padded_length(longest, settings.length_multiple, most)
        return 1 - float(n_tokens.sum()) / n_all
