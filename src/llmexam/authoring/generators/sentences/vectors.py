"""Vectors of words and texts by latent semantic analysis of the passages, with numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_DIMENSIONS = 64
_N_ITERATIONS = 3

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """A space in which texts on the same subject are near.

    Attributes:
        words: float32 `[n_buckets, n_dimensions]`: what a word adds to the vector of a text.
        passages: float32 `[n_passages, n_dimensions]`, of length 1.
        center: float32 `[n_dimensions]`: the mean of the passages.
    """

    words: Vectors
    passages: Vectors
    center: Vectors

    def text(self, words: Iterable[int]) -> Vectors:
        """Return the vector of a text with these words, of length 1."""
        rows = np.fromiter(words, dtype=np.int64)
        if not len(rows):
            return np.zeros(self.words.shape[1], dtype=np.float32)
        return np.asarray(normalise(self.words[rows].sum(axis=0)[None])[0], dtype=np.float32)

    def term(self, mentions: Sequence[int]) -> tuple[Vectors, float]:
        """Return the vector of a term that these passages mention, and how near they are.

        The second value is the length of the mean of the passages: near 1 if all are on one
        subject, near 0 if the term occurs in texts of every kind.
        """
        if not len(mentions):
            return np.zeros(self.words.shape[1], dtype=np.float32), 0.0
        mean = self.passages[np.array(mentions, dtype=np.int64)].mean(axis=0) - self.center
        return normalise(mean[None])[0], float(np.linalg.norm(mean))


def normalise(vectors: Vectors) -> Vectors:
    """Return vectors scaled to length 1; zero vectors stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def fit_space(passages: Sequence[NDArray[np.int32]], idf: NDArray[np.float32]) -> Space:
    """Return the space of passages by a truncated singular value decomposition.

    The decomposition uses subspace iteration from random vectors with a fixed seed
    (Halko, Martinsson and Tropp, 2011), on passages of different words weighted by their inverse
    document frequency.

    Args:
        passages: Buckets of the words of each passage.
        idf: Inverse document frequency of each bucket.
    """
    rows = [np.unique(words) for words in passages]
    # A space with as many dimensions as passages would not bring related texts together.
    n_dimensions = min(N_DIMENSIONS, max(len(rows) // 6, 2))
    words = np.random.default_rng(0).standard_normal((len(idf), n_dimensions)).astype(np.float32)
    for _ in range(_N_ITERATIONS):
        words = _orthonormal(_transposed_times(rows, idf, _orthonormal(_times(rows, idf, words))))
    # A text adds up its words' rows, so the weights go into the rows.
    words = words * idf[:, None]
    texts = normalise(_times(rows, np.ones_like(idf), words))
    center = texts.mean(axis=0) if len(texts) else np.zeros(n_dimensions, dtype=np.float32)
    return Space(words, texts, center)


def _orthonormal(matrix: Vectors) -> Vectors:
    """Return orthonormal columns that span those of a matrix with many rows and few columns.

    The eigenvectors of the small Gram matrix take a fraction of the time of a QR decomposition.
    """
    values, vectors = np.linalg.eigh(matrix.T.astype(np.float64) @ matrix.astype(np.float64))
    scale = np.where(values > 1e-9 * max(float(values[-1]), 1e-30), values, np.inf) ** -0.5
    return np.asarray(matrix @ (vectors * scale), dtype=np.float32)


def _weights(rows: Sequence[NDArray[np.int32]], idf: NDArray[np.float32]) -> list[Vectors]:
    return [idf[row] / max(float(np.linalg.norm(idf[row])), 1e-9) for row in rows]


def _times(rows: Sequence[NDArray[np.int32]], idf: NDArray[np.float32], words: Vectors) -> Vectors:
    """Return the product of the passages and a matrix of words."""
    product = np.zeros((len(rows), words.shape[1]), dtype=np.float32)
    for index, (row, weight) in enumerate(zip(rows, _weights(rows, idf), strict=True)):
        if len(row):
            product[index] = weight @ words[row]
    return product


def _transposed_times(
    rows: Sequence[NDArray[np.int32]], idf: NDArray[np.float32], left: Vectors
) -> Vectors:
    """Return the product of the transposed passages and a matrix of passages."""
    product = np.zeros((len(idf), left.shape[1]), dtype=np.float32)
    for index, (row, weight) in enumerate(zip(rows, _weights(rows, idf), strict=True)):
        # The words of a row differ, so no addition is lost.
        product[row] += weight[:, None] * left[index]
    return product
