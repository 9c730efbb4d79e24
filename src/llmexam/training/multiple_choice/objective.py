"""Losses over the options of questions, and the model that gives what they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from llmexam.training.losses import StepLoss, mean_over_step, softmax_losses


class ChoiceModel(nn.Module):
    """A reader whose scores are put together by question.

    Args:
        reader: Gives a logit a sequence: `reader(ids, types, lengths)`, shape `[n_sequences, 1]`.
    """

    def __init__(self, reader: nn.Module) -> None:
        super().__init__()
        self.reader = reader

    def forward(
        self,
        ids: Tensor,
        types: Tensor,
        lengths: Sequence[int],
        cells: Tensor,
        shape: tuple[int, int],
    ) -> dict[str, Tensor]:
        """Return `logits`, float32, shape `[n_questions, n_options]`, -inf where there is none.

        Args:
            ids: Token ids of all options of all questions, end to end, shape `[n_tokens]`.
            types: Token types, same shape.
            lengths: Tokens of each option. Numbers, not a tensor: a GPU would be waited for.
            cells: Where each option stands in the flattened logits, shape `[n_sequences]`.
            shape: Shape of the logits.
        """
        scores = self.reader(ids, types, lengths).float().squeeze(-1)
        rows = scores.new_full((shape[0] * shape[1],), -torch.inf)
        return {"logits": rows.index_copy(0, cells, scores).view(*shape)}


def choice_objective(
    objective: Literal["softmax", "binary"], label_smoothing: float = 0.0
) -> StepLoss:
    """Return the loss of a step: the mean over its questions, to give to a Trainer.

    A question whose label is negative has no loss.

    Args:
        objective: softmax: cross-entropy over the options; binary: the mean over the options of
            the cross-entropy of right or wrong.
        label_smoothing: Share given to the wrong options, in equal parts.
    """
    losses = softmax_losses if objective == "softmax" else binary_losses

    def total(outputs: Any, labels: Tensor) -> Tensor:
        labelled = labels >= 0
        each = losses(outputs["logits"], labels.clamp(min=0), label_smoothing)
        return (each * labelled).sum()

    return mean_over_step(total)


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
