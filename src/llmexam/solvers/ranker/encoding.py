"""Options as rows of numbers: members' scores and features, and features of the texts.

Training and scoring use the same rows. The position of an option is no feature. All sums over the
options of a question run in an order that depends on the options' contents, so that rows are
bit-equal for any order of the options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import OptionFeatures
from llmexam.solvers.ranker.texts import TEXT_COLUMNS, describe_texts, ranks

Floats = NDArray[np.float64]

SCORE_COLUMNS = ("score", "z", "log_softmax", "margin", "rank")
FEATURE_COLUMNS = ("", "_from_mean", "_from_best")


@dataclass(frozen=True, eq=False)
class OptionRows:
    """The options of questions as rows of numbers.

    Attributes:
        names: Names of the columns.
        rows: One array per question, shape `[n_options, n_columns]`; NaN if missing. Rows are
            in a canonical order, independent of the order of the options.
        orders: For each question, the index of the option of each row.
    """

    names: tuple[str, ...]
    rows: tuple[Floats, ...]
    orders: tuple[NDArray[np.int64], ...]

    def keep(self, names: Sequence[str]) -> OptionRows:
        """Return the rows with these columns only, in this order."""
        at = [self.names.index(name) for name in names]
        return OptionRows(tuple(names), tuple(row[:, at] for row in self.rows), self.orders)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> OptionRows:
        """Return the rows of the questions with these indices, in this order."""
        return OptionRows(
            self.names,
            tuple(self.rows[i] for i in indices),
            tuple(self.orders[i] for i in indices),
        )

    def restore(self, index: int, values: Floats) -> Floats:
        """Return the values of a question's rows in the order of its options."""
        restored = np.empty_like(values)
        restored[self.orders[index]] = values
        return restored


def encode_options(
    questions: Sequence[Question],
    scores: Mapping[str, ScoreMatrix],
    features: Mapping[str, OptionFeatures],
) -> OptionRows:
    """Return the rows of all options.

    The columns are, for each member, its score, absolute and relative to the other options, and
    its features, absolute and relative to the mean and the best of the question; then the
    features of the options' texts.

    Args:
        questions: The questions.
        scores: Scores by member, rows in the order of the questions.
        features: Features by member, for members that have some, in the same order.
    """
    names = [f"{member}/{column}" for member in scores for column in SCORE_COLUMNS]
    for member, found in features.items():
        names += [f"{member}/{name}{end}" for name in found.names for end in FEATURE_COLUMNS]
    names += TEXT_COLUMNS
    known = [matrix.rows() for matrix in scores.values()]
    rows, orders = [], []
    for index, question in enumerate(questions):
        own = [member[index].astype(np.float64) for member in known]
        order = _own_order(question, own)
        columns = [column for values in own for column in _compare(values[order])]
        for found in features.values():
            columns += [c for column in found.rows[index][order].T for c in _relate(column)]
        columns += _describe(question, order)
        rows.append(np.stack(columns, axis=1))
        orders.append(order)
    return OptionRows(tuple(names), tuple(rows), tuple(orders))


def _own_order(question: Question, scores: Sequence[Floats]) -> NDArray[np.int64]:
    """Return a canonical order of the options, independent of their positions."""
    keys = [
        (option, *(float(values[i]) for values in scores))
        for i, option in enumerate(question.options)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def _compare(values: Floats) -> list[Floats]:
    """Return the columns `SCORE_COLUMNS` of a member's scores."""
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    # Compared as well: the rounded mean of equal numbers can make their deviation positive.
    varied = spread > 0 and values.min() < values.max()
    shifted = values - values.max()
    return [
        values,
        centred / spread if varied else np.zeros_like(values),
        shifted - np.log(np.exp(shifted).sum()),
        values - _best_other(values),
        ranks(values),
    ]


def _best_other(values: Floats) -> Floats:
    """Return the largest value among the other options, for each option."""
    second, first = np.sort(values)[-2:]
    best_at = int(values.argmax())
    others = np.full(len(values), first)
    others[best_at] = second
    return others


def _relate(values: Floats) -> list[Floats]:
    known = values[~np.isnan(values)]
    if not len(known):
        return [values] * len(FEATURE_COLUMNS)
    return [values, values - known.mean(), values - known.max()]


def _describe(question: Question, order: NDArray[np.int64]) -> list[Floats]:
    """Return the columns `TEXT_COLUMNS` of the options' texts."""
    n_evidence = sum(len(passage.text) for passage in question.passages)
    return describe_texts([question.options[i] for i in order], question.prompt, n_evidence)
