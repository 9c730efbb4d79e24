"""What is compared of a row with candidates and with training rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.normalise import words_of
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.features import OPENING, added_vectors, new_words
from llmexam.recovery.pair_kernel import Similarities
from llmexam.recovery.ranking.bank_search import stems_of
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RowViews:
    """Views of rows, all in one order.

    Attributes:
        similar: Similarities with the training rows, each of shape `[n_rows, n_train]`.
        added: What the rewrites added, shape `[n_rows, dim]`.
        texts: Vectors of the opening, the new words, the rewritten and the original texts, shape
            `[4, n_rows, dim]`.
        stems: Stems of the words that only the rewritten text has.
    """

    similar: Similarities
    added: Floats
    texts: Floats
    stems: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, items: RewriteExam, similar: Similarities, vectors: TextVectors) -> Self:
        """Return the views of rows."""
        texts = [
            vectors.encode([row.rewritten[:OPENING] for row in items]),
            vectors.encode([new_words(row) for row in items]),
            vectors.encode(items.rewrittens),
            vectors.encode(items.originals),
        ]
        stems = tuple(
            stems_of(frozenset(words_of(row.rewritten)) - frozenset(words_of(row.original)))
            for row in items
        )
        return cls(similar, added_vectors(items, vectors), np.stack(texts), stems)

    def __len__(self) -> int:
        return len(self.stems)

    def take(self, rows: Ints, train: Ints) -> Self:
        """Return the views of some rows, with similarities to some training rows alone."""
        cross = np.ix_(rows, train)
        return type(self)(
            Similarities(self.similar.whole[cross], self.similar.change[cross]),
            self.added[rows],
            self.texts[:, rows],
            tuple(self.stems[i] for i in rows),
        )


class StemWeights:
    """Inverse document frequency of stems in training rows.

    Args:
        rows: Views of the training rows.
    """

    def __init__(self, rows: RowViews) -> None:
        self._n = len(rows)
        self._counts = Counter(stem for stems in rows.stems for stem in stems)

    def total(self, stems: frozenset[str]) -> float:
        """Return the sum over stems; rare ones weigh most."""
        return sum(float(np.log((1 + self._n) / (1 + self._counts[stem]))) for stem in stems)
