"""The dev items of a training: what chooses the best step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.training.dev_metric import PREFIX, DevMetric, dev_metric

LOSS = f"{PREFIX}loss"
"""The loss of the dev items in curves and cards."""

DevLoss = Callable[[ScoreMatrix, Exam], float]


def choice_loss(scores: ScoreMatrix, exam: Exam) -> float:
    """Return the mean cross-entropy of a softmax over each question's scores.

    The probabilities of several right options add up.
    """
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    values -= values.max(axis=1, keepdims=True)
    logs = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    right = np.where(exam.right_mask(values.shape[1]), logs, -np.inf)
    return float(-np.logaddexp.reduce(right, axis=1).mean())


def binary_loss(scores: ScoreMatrix, exam: Exam) -> float:
    """Return the mean over questions of the mean binary cross-entropy of options."""
    right = exam.right_mask(scores.values.shape[1])
    signed = np.where(right, scores.values, -scores.values).astype(np.float64)
    each = np.where(scores.present, np.logaddexp(0.0, -signed), 0.0)
    return float((each.sum(axis=1) / scores.n_options).mean())


def dev_loss(objective: Literal["softmax", "binary"]) -> DevLoss:
    """Return the dev loss of an objective, without label smoothing."""
    return choice_loss if objective == "softmax" else binary_loss


@dataclass(frozen=True, slots=True)
class Graded:
    """Grades of the dev items under the current weights.

    Attributes:
        value: Value of the metric that chooses the best step.
        loss: Loss without label smoothing, which decides between equal values.
        further: Other values by name, for curve and card.
        scores: Scores of the options, where the items are questions.
    """

    value: float
    loss: float
    further: Mapping[str, float] = field(default_factory=dict)
    scores: ScoreMatrix | None = None


class DevItems(Protocol):
    """The items that select the best step.

    Attributes:
        metric: The metric that does.
    """

    @property
    def metric(self) -> DevMetric: ...  # noqa: D102 - described above

    def grade(self) -> Graded:
        """Return their grades under the current weights."""
        ...


def named_grades(dev: DevItems | None, graded: Graded | None) -> dict[str, float]:
    """Return the grades of the dev items for a card; empty without any."""
    if dev is None or graded is None:
        return {}
    found = {f"{PREFIX}{dev.metric.name}": graded.value}
    return found | {f"{PREFIX}{name}": value for name, value in graded.further.items()}


@dataclass(frozen=True, slots=True)
class DevSet:
    """The questions that select the best step; see `DevItems`.

    Attributes:
        exam: The questions, with answers.
        score: Returns their scores under the current weights.
        loss: Returns the loss of scores.
        metric: The metric that selects.
    """

    exam: Exam
    score: Callable[[], ScoreMatrix]
    loss: DevLoss = choice_loss
    metric: RankMetric = field(default_factory=dev_metric)

    def grade(self) -> Graded:
        """Return the primary metric and the loss of the questions' scores."""
        scores = self.score()
        value = float(self.metric.values(self.exam, scores.ranking).mean())
        return Graded(value, self.loss(scores, self.exam), scores=scores)
