"""Forward passes of one fixed number of rows, so that few shapes are compiled.

Keras divides the loss of a pass by its number of rows, padding included, and averages the
gradients of the passes of a step. The weights here undo both: the gradient of a step is that of the
mean loss over its questions, however they are distributed over passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from llmexam.training.base.batching import BatchPlan, Draw


@dataclass(frozen=True, slots=True)
class Pass:
    """The items of one pass.

    Attributes:
        draws: At most `batch_size` items; none in a pass that only completes a step.
        weight: Weight of the loss of each item.
    """

    draws: tuple[Draw, ...]
    weight: float


def passes(
    plan: BatchPlan, *, batch_size: int, n_passes: int, first_step: int, n_steps: int
) -> Iterator[Pass]:
    """Yield the passes of the steps from `first_step` on, `n_passes` for each step.

    Args:
        plan: The order of the items.
        batch_size: Rows of a pass.
        n_passes: Passes of a step (gradient accumulation).
        first_step: Steps that were taken already.
        n_steps: Steps in all.
    """
    step, epoch = 0, 0
    while step < n_steps:
        for rows in plan.steps(epoch):
            if step >= n_steps:
                return
            if step >= first_step:
                weight = batch_size * n_passes / len(rows)
                for number in range(n_passes):
                    part = rows[number * batch_size : (number + 1) * batch_size]
                    yield Pass(tuple(Draw(epoch, int(row), True) for row in part), weight)
            step += 1
        epoch += 1


def padded_length(n_tokens: int, multiple: int, most: int) -> int:
    """Return the length that a pass is padded to: a multiple, but no more than the model allows.

    >>> padded_length(33, 32, 160), padded_length(150, 100, 160)
    (64, 160)
    """
    return min(int(np.ceil(max(n_tokens, 1) / multiple)) * multiple, max(most, n_tokens))
