"""Option tells: accuracy of choices that read neither the question nor the passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from llmexam.evaluation.bootstrap import mean_intervals
from llmexam.evaluation.clusters import CLUSTER_KEY
from llmexam.evaluation.results import Estimate
from llmexam.exam.question import Question


@dataclass(frozen=True, slots=True)
class Tell:
    """Accuracy of a choice by a property of the options.

    Attributes:
        name: `longest`, `shortest` or `first`.
        accuracy: Share of the questions where it is right, with its 95 % interval.
        chance: Expected share of a random choice.
    """

    name: str
    accuracy: Estimate
    chance: float

    @property
    def is_at_chance(self) -> bool:
        """Whether the interval contains the chance level."""
        return self.accuracy.low <= self.chance <= self.accuracy.high


_LENGTHS: dict[str, Callable[[Sequence[str]], list[int]]] = {
    "longest": lambda options: [len(option) for option in options],
    "shortest": lambda options: [-len(option) for option in options],
    "first": lambda options: [-i for i in range(len(options))],
}


def option_tells(questions: Sequence[Question], *, seed: int = 0) -> tuple[Tell, ...]:
    """Return the accuracy of choosing the longest, the shortest and the first option.

    Options of equal length share the choice. If every question names its cluster, intervals
    resample clusters.

    Args:
        questions: Questions; those without an answer are left out.
        seed: Random seed of the resampling.
    """
    answered = [question for question in questions if question.answer is not None]
    if not answered:
        return ()
    names = [question.metadata.get(CLUSTER_KEY, "") for question in answered]
    clusters = np.unique(names, return_inverse=True)[1].ravel() if all(names) else None
    if clusters is not None and clusters.max() == 0:
        clusters = None
    chance = float(np.mean([len(q.right_options) / len(q.options) for q in answered]))
    found = []
    for name, measure in _LENGTHS.items():
        values = np.array([_points(question, measure(question.options)) for question in answered])
        estimate = mean_intervals(values[:, None], seed=seed, clusters=clusters)[0]
        found.append(Tell(name, estimate, chance))
    return tuple(found)


def _points(question: Question, values: Sequence[int]) -> float:
    best = [i for i, value in enumerate(values) if value == max(values)]
    return len({*best} & {*question.right_options}) / len(best)
