"""Questions to rows of numbers, one an option: what members say, and what the texts look like.

Training and scoring read the same rows. A place among the options is never told. All sums over
the options of a question run in an order that depends on what the options are, not on where
they stand, so that rows are the same to the last bit wherever options stand.
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
    """The options of some questions as numbers.

    Attributes:
        names: The columns.
        rows: One array a question, shape `[n_options, n_columns]`; NaN where not measured. Its
            options are in an order of their own.
        orders: For each question the place among its options of each row.
    """

    names: tuple[str, ...]
    rows: tuple[Floats, ...]
    orders: tuple[NDArray[np.int64], ...]

    def keep(self, names: Sequence[str]) -> OptionRows:
        """Return the rows with these columns only, in this order."""
        at = [self.names.index(name) for name in names]
        return OptionRows(tuple(names), tuple(row[:, at] for row in self.rows), self.orders)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> OptionRows:
        """Return the rows of the questions at these places, in this order."""
        return OptionRows(
            self.names,
            tuple(self.rows[i] for i in indices),
            tuple(self.orders[i] for i in indices),
        )

    def restore(self, index: int, values: Floats) -> Floats:
        """Return values of a question's rows in the order of its options."""
        restored = np.empty_like(values)
        restored[self.orders[index]] = values
        return restored


def encode_options(
    questions: Sequence[Question],
    scores: Mapping[str, ScoreMatrix],
    features: Mapping[str, OptionFeatures],
) -> OptionRows:
    """Return the rows of all options.

    For each member its score, as it is and against those of the other options; then what it
    measures, as it is, against the mean and against the best of the question; then what the
    texts of the options look like.

    Args:
        questions: The questions.
        scores: Scores by the name of the member, rows in the order of the questions.
        features: Features by the name of the member, for those that have some, likewise.
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
    """Return an order of the options that does not depend on where they stand."""
    keys = [
        (option, *(float(values[i]) for values in scores))
        for i, option in enumerate(question.options)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def _compare(values: Floats) -> list[Floats]:
    """Return the columns of a member's scores, as in `SCORE_COLUMNS`."""
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    # By comparison too: the mean of equal numbers may be off in the last bit.
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
    """Return for each option the largest value among the others."""
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
    """Return what the texts look like, as in `TEXT_COLUMNS`."""
    n_evidence = sum(len(passage.text) for passage in question.passages)
    return describe_texts([question.options[i] for i in order], question.prompt, n_evidence)
