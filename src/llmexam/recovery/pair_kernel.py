"""Similarity of pairs of texts: what the rewrite made of the original, not what it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.normalise import words_of
from llmexam.recovery.embeddings import TextVectors
from llmexam.recovery.features import pair_features
from llmexam.recovery.rewrites import Rewrite, RewriteExam

Floats = NDArray[np.float32]
_N_OPENING = 40
# In every text, so that no vocabulary is empty; its weight is the least that a word has.
_IN_ALL = ""


class Similarities(NamedTuple):
    """Similarities of rows with training rows, each of shape `[n_rows, n_train]`.

    Attributes:
        whole: Inner products of all features, for the regression.
        change: Similarity of what the rewrites changed, whatever the texts are about.
    """

    whole: Floats
    change: Floats


class PairKernel:
    """Similarities of rows with training rows.

    The whole is a sum of the inner product of `pair_features`, and of cosine similarities of
    TF-IDF vectors of the words that only the rewritten text has, of pairs of neighbouring words
    with such a word, and of its first 40 words. The words tell "pirate" from "sailor", and "once
    upon a time" from "dear sir", where sentence embeddings see one subject.

    Args:
        train: The training rows.
        vectors: The embedder.
        words: Weight of each of the three similarities of words in the whole.

    Attributes:
        train: Similarities of the training rows with each other.
    """

    def __init__(self, train: RewriteExam, vectors: TextVectors, *, words: float) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

        self._vectors = vectors
        self._weight = np.float32(words)
        self._features = pair_features(train, vectors)
        self._changes = self._change(train)
        self._models: list[Any] = []
        self._columns: list[Any] = []
        for view in _VIEWS:
            # A word of one row says nothing about others.
            model = TfidfVectorizer(analyzer=view, min_df=2, sublinear_tf=True, dtype=np.float32)
            self._columns.append(model.fit_transform(train).T.tocsr())
            self._models.append(model)
        rows = [columns.T.tocsr() for columns in self._columns]
        self.train = self._products(self._features, self._changes, rows)

    def between(self, items: RewriteExam) -> Similarities:
        """Return the similarities of rows, at least one, with the training rows."""
        rows = [model.transform(items) for model in self._models]
        return self._products(pair_features(items, self._vectors), self._change(items), rows)

    def _products(self, features: Floats, changes: Floats, rows: Sequence[Any]) -> Similarities:
        words = sum(
            (own @ columns).toarray() for own, columns in zip(rows, self._columns, strict=True)
        )
        whole = features @ self._features.T
        whole += self._weight * words
        return Similarities(whole, changes @ self._changes.T + words)

    def _change(self, items: RewriteExam) -> Floats:
        change = self._vectors.encode(items.rewrittens) - self._vectors.encode(items.originals)
        norms = np.linalg.norm(change, axis=1, keepdims=True)
        unit: Floats = change / np.maximum(norms, 1e-6)
        return unit


def _new_words(row: Rewrite) -> list[str]:
    known = set(words_of(row.original))
    return [_IN_ALL, *(word for word in words_of(row.rewritten) if word not in known)]


def _new_pairs(row: Rewrite) -> list[str]:
    known = set(words_of(row.original))
    words = words_of(row.rewritten)
    return [_IN_ALL, *(f"{a} {b}" for a, b in pairwise(words) if not known.issuperset((a, b)))]


def _opening(row: Rewrite) -> list[str]:
    return [_IN_ALL, *words_of(row.rewritten)[:_N_OPENING]]


_VIEWS: Sequence[Callable[[Rewrite], list[str]]] = (_new_words, _new_pairs, _opening)
