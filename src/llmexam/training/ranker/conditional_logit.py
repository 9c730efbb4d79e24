"""Fit a conditional logit (McFadden, 1974) to rows of options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import MissingDependencyError
from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.solvers.ranker.encoding import SCORE_COLUMNS, OptionRows
from llmexam.solvers.ranker.model import Logit, centre
from llmexam.solvers.ranker.texts import TEXT_COLUMNS

Floats = NDArray[np.float64]

# Redundant transformations of members' scores are left to the trees. In a linear model of some
# hundred questions they fit noise (768 questions: out-of-fold MAP@3 0.691 with, 0.697 without).
_OTHER_SCALES = tuple(f"/{column}" for column in SCORE_COLUMNS if column != "score")
# Columns with a smaller standard deviation within questions are constant up to rounding.
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True, eq=False)
class Choices:
    """Rows of options, grouped by question, and the right ones.

    Attributes:
        rows: Shape `[n_rows, n_columns]`.
        starts: The first row of each question, shape `[n_questions]`.
        right: The row of each right option, likewise.
    """

    rows: Floats
    starts: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def join(cls, rows: Sequence[Floats], right: Sequence[int]) -> Choices:
        """Concatenate the rows of questions; `right` is the right row of each."""
        sizes = [len(part) for part in rows]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        return cls(np.concatenate(rows), starts, starts + np.asarray(right, dtype=np.int64))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of options of each question."""
        return np.diff(np.append(self.starts, len(self.rows)))


def choice_loss(utilities: Floats, choices: Choices) -> tuple[float, Floats]:
    """Return the mean negative log-likelihood and the probability of each row.

    Args:
        utilities: Log-odds up to a constant a question, shape `[n_rows]`.
        choices: The questions.
    """
    highest = np.maximum.reduceat(utilities, choices.starts)
    odds = np.exp(utilities - np.repeat(highest, choices.sizes))
    sums = np.add.reduceat(odds, choices.starts)
    loss = float((np.log(sums) + highest - utilities[choices.right]).mean())
    return loss, odds / np.repeat(sums, choices.sizes)


def choice_values(utilities: Floats, choices: Choices, metric: RankMetric) -> Floats:
    """Return the value of each question by a metric, shape `[n_questions]`.

    Options with the same utility as the right one share their mean rank.

    Args:
        utilities: Higher is better, shape `[n_rows]`.
        choices: The questions.
        metric: The metric.
    """
    right = np.repeat(utilities[choices.right], choices.sizes)
    above = np.add.reduceat((utilities > right).astype(np.float64), choices.starts)
    level = np.add.reduceat((utilities == right).astype(np.float64), choices.starts)
    return metric.at_rank(above + (level + 1) / 2)


def logit_loss(weights: Floats, choices: Choices, ridge: float) -> tuple[float, Floats]:
    """Return the mean negative log-likelihood plus ridge penalty, and its gradient.

    ridge / (2 n_questions) * |weights|^2 is added, so that the ridge counts in questions.
    """
    n = len(choices.starts)
    loss, chances = choice_loss(choices.rows @ weights, choices)
    slope = chances @ choices.rows - choices.rows[choices.right].sum(axis=0)
    return loss + ridge / (2 * n) * float(weights @ weights), (slope + ridge * weights) / n


def minimise(choices: Choices, ridge: float, start: Floats | None = None) -> Floats:
    """Return the weights of minimum loss, shape `[n_columns]`.

    Raises:
        MissingDependencyError: scipy is not installed.
    """
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError:
        raise MissingDependencyError("training a ranker", "scipy", "train") from None
    first = np.zeros(choices.rows.shape[1]) if start is None else start
    found = minimize(
        logit_loss,
        first,
        args=(choices, ridge),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "gtol": 1e-6, "ftol": 1e-12},
    )
    return np.asarray(found.x, dtype=np.float64)


def telling_columns(table: OptionRows, *, texts: bool = True) -> tuple[list[str], Floats]:
    """Return the informative columns, and their standard deviation within questions.

    Of columns that say the same within every question the first is kept: a feature differs from
    itself less its mean by what all options of a question share. Of
    members only their scores as they are and their features count.

    Args:
        table: The rows.
        texts: Whether what the texts look like counts, too.
    """
    centred = np.concatenate([centre(rows) for rows in table.rows])
    spread = np.sqrt((centred**2).mean(axis=0))
    names, scales, seen = [], [], set()
    for column, name in enumerate(table.names):
        if name.endswith(_OTHER_SCALES) or (name in TEXT_COLUMNS and not texts):
            continue
        if not spread[column] > _LEAST_SPREAD:
            continue
        said = np.round(centred[:, column] / spread[column], 4) + 0.0
        key = said.tobytes()
        if key not in seen:
            seen.add(key)
            names.append(name)
            scales.append(spread[column])
    return names, np.array(scales)


def fit_logit(
    table: OptionRows, right: Sequence[int], ridge: float, *, texts: bool = True
) -> Logit:
    """Return the fitted conditional logit.

    Args:
        table: Their rows.
        right: The right row of each.
        ridge: L2 penalty, in units of questions.
        texts: Whether what the texts look like counts, too.
    """
    names, scales = telling_columns(table, texts=texts)
    design = scaled_choices(table, right, names, scales)
    weights = minimise(design, ridge) if names else np.zeros(0)
    return Logit(names=tuple(names), scales=tuple(scales.tolist()), weights=tuple(weights.tolist()))


def scaled_choices(
    table: OptionRows, right: Sequence[int], names: Sequence[str], scales: Floats
) -> Choices:
    """Return the rows minus their mean in each question, divided by their spread."""
    kept = table.keep(names)
    return Choices.join([centre(rows) / scales for rows in kept.rows], right)
