"""Losses of a pass as sums over tokens or questions, which the Trainer divides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from llmexam.training.base import losses
from llmexam.training.prompts.settings import Objective

# Maps logits, labels and targets to a sum over tokens or questions.
Total = Callable[[Tensor, Tensor, Mapping[str, Any]], Tensor]
# Maps logits and targets to one number per target.
Answers = Callable[[Tensor, Mapping[str, Any]], Tensor]


def total_loss(objective: Objective, label_smoothing: float = 0.0) -> Total:
    """Return the loss of an objective, as a sum over tokens or questions.

    Args:
        objective: The training objective.
        label_smoothing: Probability of the wrong options.
    """
    if objective == "answer":
        return _answer_total

    is_softmax = objective == "option-likelihood"
    each = losses.softmax_losses if is_softmax else losses.binary_losses
    answers = head_logits if objective == "binary-head" else log_probs

    def total(logits: Tensor, labels: Tensor, asked: Mapping[str, Any]) -> Tensor:
        scores = option_scores(logits, asked, answers)
        return losses.total_loss(each, scores, labels, label_smoothing)

    return total


def log_probs(logits: Tensor, asked: Mapping[str, Any]) -> Tensor:
    """Return the log-probability of each target token, float32, shape `[n_targets]`.

    Args:
        logits: Logits of the window, shape `[n_rows, n_window, n_vocabulary]`.
        asked: `at`, the index in the flattened window, and `token`, each `[n_targets]`.
    """
    flat = logits.flatten(0, 1)
    # Several answers may follow one state, whose log-sum-exp is computed once.
    states, which = torch.unique(asked["at"], return_inverse=True)
    totals = flat[states].float().logsumexp(dim=1)
    return flat[asked["at"], asked["token"]].float() - totals[which]


def head_logits(logits: Tensor, asked: Mapping[str, Any]) -> Tensor:
    """Return the logit of a binary head for each text, float32, shape `[n_targets]`.

    Args:
        logits: Logits of the window, shape `[n_rows, n_window, 1]`.
        asked: `at`, the index of each text's last token in the flattened window.
    """
    return logits.flatten()[asked["at"]].float()


def option_scores(logits: Tensor, asked: Mapping[str, Any], answers: Answers = log_probs) -> Tensor:
    """Return the score of each option, float32, shape `[n_questions, n_options]`.

    Minus infinity for absent options. A score is the sum of `answers` over its targets, each
    multiplied by its sign and divided by its length.
    """
    n_questions, n_options = asked["shape"]
    each = answers(logits, asked) * asked["sign"] / asked["length"]
    empty = torch.zeros(n_questions * n_options, dtype=each.dtype, device=each.device)
    sums = empty.index_add(0, asked["cell"], each)
    present = torch.zeros_like(sums, dtype=torch.bool).index_fill(0, asked["cell"], value=True)
    return sums.masked_fill(~present, -torch.inf).view(n_questions, n_options)


def _answer_total(logits: Tensor, labels: Tensor, asked: Mapping[str, Any]) -> Tensor:
    return -log_probs(logits, asked).masked_fill(labels < 0, 0.0).sum()
