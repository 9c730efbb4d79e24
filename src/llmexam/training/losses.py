"""Losses that are means over the questions of a step, however many passes it is made of.

transformers' Trainer leaves out the division by the number of passes for models whose forward
takes `**kwargs`, which the heads for classification and multiple choice do without counting: the
loss and the gradient are then as many times too large. A `compute_loss_func` is told how many
labels the whole step has, over all passes and processes, so that the mean is exact even where
passes differ in size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

StepLoss = Callable[..., Tensor]


def mean_over_step(total: Callable[[Any, Tensor], Tensor]) -> StepLoss:
    """Return a `compute_loss_func` for a Trainer.

    Args:
        total: Takes the model's outputs and the labels, one a question, and returns the sum of
            the questions' losses.
    """

    def loss(
        outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        n_questions = labels.numel() if num_items_in_batch is None else num_items_in_batch
        return total(outputs, labels) / n_questions

    return loss


def softmax_loss(label_smoothing: float = 0.0) -> StepLoss:
    """Return the cross-entropy over the options, to give to a Trainer as `compute_loss_func`.

    Options that a question lacks have a logit of minus infinity; they take no part, and the share
    of label smoothing goes to the wrong options that are there.
    """

    def total(outputs: Any, labels: Tensor) -> Tensor:
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs.logits
        return softmax_losses(logits, labels, label_smoothing).sum()

    return mean_over_step(total)


def softmax_losses(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each question, shape `[n_questions]`.

    Args:
        logits: Shape `[n_questions, n_options]`; minus infinity where there is no option.
        labels: Indices of the right options, shape `[n_questions]`.
        label_smoothing: Share given to the wrong options, in equal parts.
    """
    logs = F.log_softmax(logits.float(), dim=1)
    right = -logs.gather(1, labels[:, None]).squeeze(1)
    if not label_smoothing:
        return right
    present = torch.isfinite(logs)
    n_wrong = (present.sum(dim=1) - 1).clamp(min=1)
    wrong = -logs.masked_fill(~present, 0.0).sum(dim=1) - right
    return (1 - label_smoothing) * right + label_smoothing * wrong / n_wrong


def mend_accumulation(model: nn.Module) -> None:
    """Make the Trainer divide a model's own loss by the passes of a step.

    For models trained by the loss that they give themselves: passes then weigh the same.
    """
    model.accepts_loss_kwargs = False  # type: ignore[assignment]
