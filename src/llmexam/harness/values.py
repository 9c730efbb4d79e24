"""Grade logs by the values that their harness gave each question, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.evaluation import grading
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.results import Evaluation, FullComparison
from llmexam.harness.log import HarnessLog, LoggedAnswer
from llmexam.harness.matching import normal_key, pair_by_text
from llmexam.storage.hashing import hash_json

Floats = NDArray[np.float64]
Values = Mapping[str, Floats]
"""From metric to the value of each question."""


@dataclass(frozen=True)
class LoggedItems:
    """The questions of a log.

    Attributes:
        ids: Their ids.
        content_hash: Hash of ids and texts.
    """

    ids: Sequence[str]
    content_hash: str

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class LoggedMetric:
    """A metric that another harness computed.

    Attributes:
        name: Its name in the log.
        label: The same, for people.
        explanation: Where the values come from.
        higher_is_better: Whether larger values are better.
        bounds: 0 and 1 where all values lie between them, else infinite.
    """

    name: str
    label: str
    explanation: str
    bounds: tuple[float, float]
    higher_is_better: bool = True

    def values(self, items: LoggedItems, predictions: Values, /) -> Floats:
        """Return the value of each question."""
        return predictions[self.name]

    def chance(self, items: LoggedItems, /) -> Floats | None:
        """Return None: what guessing earns is not in the log."""
        return None


def evaluate_values(log: HarnessLog, *, name: str, resampling: Resampling) -> Evaluation:
    """Return the means of a log's values with intervals.

    Raises:
        ExamError: No metric has a value for every question.
    """
    names = _require_names(log, log.value_names)
    table = _table(log.answers, names)
    items = _items(log.answers)
    metrics = [_metric(one, log.harness, [table]) for one in names]
    return grading.evaluate(metrics, items, table, name=name, baselines={}, resampling=resampling)


def compare_values(
    a: HarnessLog, b: HarnessLog, *, name_a: str, name_b: str, resampling: Resampling
) -> FullComparison:
    """Return the paired comparison of two logs by the metrics that both have.

    Questions are paired by id and text, or by text alone; those of one log only are left out.

    Raises:
        ExamError: They share no question or no metric.
    """
    pairs = _pair(a, b)
    if not pairs:
        raise ExamError(
            f"the log shares no question with {a.path}",
            file=b.path,
            hint="Both must answer the same questions: ids or texts are compared",
        )
    shared = [one for one in a.value_names if one in b.value_names]
    names = _require_names(b, shared)
    first, second = (_table([pair[side] for pair in pairs], names) for side in (0, 1))
    metrics = [_metric(one, a.harness, [first, second]) for one in names]
    items = _items([pair[0] for pair in pairs])
    return grading.compare_fully(
        metrics, items, first, second, name_a=name_a, name_b=name_b, resampling=resampling
    )


def _pair(a: HarnessLog, b: HarnessLog) -> list[tuple[LoggedAnswer, LoggedAnswer]]:
    by_id = {one.id: one for one in b.answers}
    same = [
        (one, by_id[one.id])
        for one in a.answers
        if one.id in by_id and normal_key(one) == normal_key(by_id[one.id])
    ]
    if same:
        return same
    found = pair_by_text(a.answers, b.answers)
    return [(one, other) for one, other in zip(a.answers, found, strict=True) if other]


def _require_names(log: HarnessLog, names: Sequence[str]) -> Sequence[str]:
    if not names:
        raise ExamError(
            "no metric has a value for every question of the log",
            file=log.path,
            hint="Give the exam that the log answers: llmexam evaluate EXAM LOG",
        )
    return names


def _metric(name: str, harness: str, tables: Sequence[Values]) -> LoggedMetric:
    values = np.concatenate([table[name] for table in tables])
    within = bool((values >= 0).all() and (values <= 1).all())
    return LoggedMetric(
        name=name,
        label=name,
        explanation=f"As {harness} computed it for each question.",
        bounds=(0.0, 1.0) if within else (-inf, inf),
    )


def _table(answers: Sequence[LoggedAnswer], names: Sequence[str]) -> Values:
    return {name: np.array([one.values[name] for one in answers]) for name in names}


def _items(answers: Sequence[LoggedAnswer]) -> LoggedItems:
    return LoggedItems(
        [one.id for one in answers], hash_json([[one.id, one.prompt] for one in answers])
    )
