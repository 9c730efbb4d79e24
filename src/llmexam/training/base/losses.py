"""Losses as means over the questions of a step, independent of gradient accumulation.

transformers' Trainer does not divide by the number of passes if a model's forward accepts
`**kwargs`, as heads for classification and multiple choice do: loss and gradient are then too
large by that factor. A `compute_loss_func` receives the number of labels of the whole step, over
all passes and processes, so that the mean is exact even if passes differ in size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

NO_LABEL = -100
"""Label of a question that has no loss, such as one that only fills up a process."""

StepLoss = Callable[..., Tensor]
# Maps logits, labels and label smoothing to the loss of each question.
Losses = Callable[[Tensor, Tensor, float], Tensor]


def choice_objective(
    objective: Literal["softmax", "binary"], label_smoothing: float = 0.0
) -> StepLoss:
    """Return the loss of a step, as the Trainer's `compute_loss_func`.

    It is the mean over the questions of the step; questions with a negative label are ignored.

    Args:
        objective: softmax: cross-entropy over the options; binary: mean binary cross-entropy of
            the options.
        label_smoothing: Probability of the wrong options, in equal parts.
    """
    losses = softmax_losses if objective == "softmax" else binary_losses

    def loss(
        outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        n_questions = labels.numel() if num_items_in_batch is None else num_items_in_batch
        return total_loss(losses, outputs["logits"], labels, label_smoothing) / n_questions

    return loss


def total_loss(
    losses: Losses, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """Return the sum of the questions' losses; negative labels are ignored.

    Args:
        losses: `softmax_losses` or `binary_losses`.
        logits: Shape `[n_questions, n_options]`; minus infinity where there is no option.
        labels: Indices of the right options, shape `[n_questions]`.
        label_smoothing: Share given to the wrong options, in equal parts.
    """
    each = losses(logits, labels.clamp(min=0), label_smoothing)
    return each.masked_fill(labels < 0, 0.0).sum()


def softmax_losses(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each question, shape `[n_questions]`.

    Options that a question lacks take no part, and the share of label smoothing goes to the wrong
    options that are there.

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


def binary_losses(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return each question's mean cross-entropy of right or wrong, shape `[n_questions]`.

    Args:
        logits: Shape `[n_questions, n_options]`; minus infinity where there is no option.
        labels: Indices of the right options, shape `[n_questions]`.
        label_smoothing: Share given to the wrong options, in equal parts.
    """
    present = torch.isfinite(logits)
    n_options = present.sum(dim=1, keepdim=True)
    right = F.one_hot(labels, logits.shape[1]).bool()
    smooth = torch.full_like(logits, label_smoothing) / (n_options - 1).clamp(min=1)
    targets = torch.where(right, 1 - label_smoothing, smooth)
    each = F.binary_cross_entropy_with_logits(
        logits.masked_fill(~present, 0.0).float(), targets.float(), reduction="none"
    )
    return each.masked_fill(~present, 0.0).sum(dim=1) / n_options.squeeze(1)
