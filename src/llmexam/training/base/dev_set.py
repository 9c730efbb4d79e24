"""The dev questions of a training, with their scores and loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix

DevLoss = Callable[[ScoreMatrix, Exam], float]


def choice_loss(scores: ScoreMatrix, exam: Exam) -> float:
    """Return the mean cross-entropy of a softmax over each question's scores."""
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    values -= values.max(axis=1, keepdims=True)
    logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(exam)), exam.answers].mean())


def binary_loss(scores: ScoreMatrix, exam: Exam) -> float:
    """Return the mean over questions of the mean binary cross-entropy of options."""
    right = np.arange(scores.values.shape[1]) == exam.answers[:, None]
    signed = np.where(right, scores.values, -scores.values).astype(np.float64)
    each = np.where(scores.present, np.logaddexp(0.0, -signed), 0.0)
    return float((each.sum(axis=1) / scores.n_options).mean())


def dev_loss(objective: Literal["softmax", "binary"]) -> DevLoss:
    """Return the dev loss of an objective, without label smoothing."""
    return choice_loss if objective == "softmax" else binary_loss


@dataclass(frozen=True, slots=True)
class DevSet:
    """The questions that select the best step.

    Attributes:
        exam: The questions, with answers.
        score: Returns their scores under the current weights.
        loss: Returns the loss of scores.
    """

    exam: Exam
    score: Callable[[], ScoreMatrix]
    loss: DevLoss = choice_loss
