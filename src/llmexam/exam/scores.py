"""ScoreMatrix: the interface between solvers, ensembles and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ScoreError
from llmexam.exam.letters import letter_of


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """One score per option, higher is better.

    Attributes:
        question_ids: Ids of the questions, in row order.
        values: float32, shape `[n_questions, n_options]`, finite; 0 where `present` is False.
        present: bool, same shape; False for options that a shorter question lacks.
        truncated: bool, shape `[n_questions]`: whether the question's evidence was truncated to
            the model's context length. All False for solvers that never truncate.
    """

    question_ids: tuple[str, ...]
    values: NDArray[np.float32]
    present: NDArray[np.bool_]
    truncated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.values.shape
        if len(shape) != 2 or shape[0] != len(self.question_ids) or self.present.shape != shape:
            raise ScoreError(
                f"scores have shape {shape}, presence {self.present.shape}, "
                f"for {len(self.question_ids)} questions"
            )
        if self.truncated.shape != (shape[0],):
            raise ScoreError(
                f"expected truncated of shape ({shape[0]},), got {self.truncated.shape}"
            )
        bad = ~np.isfinite(self.values) & self.present
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise ScoreError(
                f"question '{self.question_ids[row]}', option {letter_of(column)}: "
                f"expected a finite score, got {self.values[row, column]}",
                hint="Return finite numbers",
            )

    @classmethod
    def from_rows(
        cls,
        question_ids: Sequence[str],
        rows: Sequence[Sequence[float] | NDArray[np.floating]],
        truncated: Sequence[bool] | NDArray[np.bool_] | None = None,
    ) -> ScoreMatrix:
        """Build a matrix from one sequence of scores per question; lengths may differ.

        >>> ScoreMatrix.from_rows(["a", "b"], [[1, 2, 3], [4, 5]]).present.tolist()
        [[True, True, True], [True, True, False]]
        """
        n_options = max((len(row) for row in rows), default=0)
        values = np.zeros((len(rows), n_options), dtype=np.float32)
        present = np.zeros((len(rows), n_options), dtype=bool)
        for i, row in enumerate(rows):
            values[i, : len(row)] = row
            present[i, : len(row)] = True
        cut = np.zeros(len(rows), dtype=bool) if truncated is None else np.asarray(truncated, bool)
        return cls(tuple(question_ids), values, present, cut)

    @classmethod
    def concatenate(cls, parts: Sequence[ScoreMatrix]) -> ScoreMatrix:
        """Return one matrix with the rows of all parts, in order; empty without parts.

        >>> parts = [ScoreMatrix.from_rows(["a"], [[1, 2, 3]]), ScoreMatrix.from_rows(["b"], [[4]])]
        >>> ScoreMatrix.concatenate(parts).values.tolist()
        [[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]]
        """
        n_questions = sum(len(part) for part in parts)
        n_options = max((part.values.shape[1] for part in parts), default=0)
        values = np.zeros((n_questions, n_options), dtype=np.float32)
        present = np.zeros((n_questions, n_options), dtype=bool)
        truncated = np.zeros(n_questions, dtype=bool)
        start = 0
        for part in parts:
            end, width = start + len(part), part.values.shape[1]
            values[start:end, :width] = part.values
            present[start:end, :width] = part.present
            truncated[start:end] = part.truncated
            start = end
        ids = tuple(question_id for part in parts for question_id in part.question_ids)
        return cls(ids, values, present, truncated)

    def __len__(self) -> int:
        return len(self.question_ids)

    @property
    def n_options(self) -> NDArray[np.int64]:
        """Number of options of each question, shape `[n_questions]`."""
        counts: NDArray[np.int64] = self.present.sum(axis=1, dtype=np.int64)
        return counts

    @cached_property
    def ranking(self) -> NDArray[np.int64]:
        """Return option indices, best first, shape `[n_questions, n_options]`; padded with -1.

        Ties are broken by a hash of the question's id and the option's index: reproducible and
        without position bias. If the first option won ties, a constant solver would appear to
        prefer A.
        """
        tie_keys = np.zeros(self.values.shape, dtype=np.int64)
        keyed = np.where(self.present, self.values, -np.inf)
        in_order = np.sort(keyed, axis=1)
        tied = (in_order[:, 1:] == in_order[:, :-1]) & np.isfinite(in_order[:, 1:])
        for i in np.flatnonzero(tied.any(axis=1)):
            # Eight hash bytes per option. CRC-32 would not do: it is linear, so the same few
            # options would come first for every id.
            name = self.question_ids[i].encode("utf-8", "surrogatepass")
            digest = shake_128(name).digest(8 * self.values.shape[1])
            tie_keys[i] = np.frombuffer(digest, dtype="<i8")
        order: NDArray[np.int64] = np.lexsort((tie_keys, -keyed), axis=1)
        return np.where(np.take_along_axis(self.present, order, axis=1), order, -1)

    def rows(self) -> list[NDArray[np.float32]]:
        """Return the scores of each question without the absent options."""
        return [values[present] for values, present in zip(self.values, self.present, strict=True)]

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> ScoreMatrix:
        """Return the matrix of the questions with these indices, in this order."""
        at = np.asarray(indices, dtype=np.int64)
        return ScoreMatrix(
            tuple(self.question_ids[i] for i in at),
            self.values[at],
            self.present[at],
            self.truncated[at],
        )
