"""The result of one recoverer, and its grades row by row for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.metrics.share_removed import GAMED_LOSS
from llmexam.recovery.recoverer import Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.prompt_recovery.diagnostics import facets_of
from llmexam.tasks.prompt_recovery.grading import metrics_of
from llmexam.tasks.prompt_recovery.plan import RecoveryGradingPlan
from llmexam.tasks.text import TextResult

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowGrades:
    """Grades of each row.

    Attributes:
        metrics: Value of each metric by its label, the primary one first; shape `[n_rows]` each.
        loss: Sharpened cosine that each prompt loses when it is cleaned, shape `[n_rows]`.
        facets: Label of the true and of the recovered prompt by facet, one pair a row; blank
            where the bank knows none.
    """

    metrics: Mapping[str, Floats]
    loss: Floats
    facets: Mapping[str, Sequence[tuple[str, str]]]

    @property
    def scores(self) -> Floats:
        """The primary metric of each row, shape `[n_rows]`."""
        return next(iter(self.metrics.values()))

    @property
    def is_gamed(self) -> NDArray[np.bool_]:
        """Which prompts owe much of their score to meaningless tokens, shape `[n_rows]`."""
        gamed: NDArray[np.bool_] = self.loss >= GAMED_LOSS
        return gamed


@dataclass(frozen=True)
class RecoveryResult(TextResult):
    """What one recoverer answered.

    Attributes:
        recoveries: Its answers with the candidates that led there, in the order of the rows.
        rows: Grades of each row; None where the prompts are not known.
    """

    recoveries: tuple[Recovery, ...] = ()
    rows: RowGrades | None = field(default=None, compare=False)

    @property
    def scores(self) -> Floats | None:
        """Sharpened cosine of each row; None where the prompts are not known."""
        return None if self.rows is None else self.rows.scores


def row_grades(
    grading: RecoveryGradingPlan, items: RewriteExam, predictions: Sequence[str]
) -> RowGrades:
    """Return the value of each metric and the facets of each row."""
    values = {metric.name: metric.values(items, predictions) for metric in metrics_of(grading)}
    labels = {metric.name: metric.label for metric in metrics_of(grading)}
    bank = facets_of(grading)
    facets = (
        {}
        if bank is None
        else {
            facet: list(
                zip(bank.of(items.prompts, facet), bank.of(predictions, facet), strict=True)
            )
            for facet in bank.facets
        }
    )
    return RowGrades(
        {labels[name]: own for name, own in values.items()},
        values["sharpened_cosine"] - values["sharpened_cosine_cleaned"],
        facets,
    )
