"""Sharpened cosine similarity of recovered and true prompts, with and without sticky tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.wording import clean_prompt

Floats = NDArray[np.float64]
_CHUNK = 1024


class SharpenedCosine:
    """The metric of "LLM Prompt Recovery": sign(c) * |c| ** 3 of the cosine of unit vectors.

    Args:
        vectors: The embedder.
        name: Name in files; the first embedder of a plan has the plain one.
        label: Name on pages.
    """

    higher_is_better = True
    bounds = (-1.0, 1.0)

    def __init__(
        self,
        vectors: TextVectors,
        *,
        name: str = "sharpened_cosine",
        label: str = "sharpened cosine",
    ) -> None:
        self._vectors = vectors
        self.name = name
        self.label = label

    @property
    def explanation(self) -> str:
        """What it measures."""
        return (
            "The cube of the cosine similarity of the embeddings of recovered and true prompt, "
            f"averaged over rows; embedder: {self._vectors.name}."
        )

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the similarity of each row, shape `[n_items]`, from -1 to 1."""
        found = self._vectors.encode(predictions)
        truth = self._vectors.encode(items.prompts)
        cosines = np.einsum("ij,ij->i", found, truth, dtype=np.float64)
        return sharpen(cosines)

    def chance(self, items: RewriteExam, /) -> Floats:
        """Return the mean similarity of each true prompt to those of the other rows."""
        truth = self._vectors.encode(items.prompts)
        if len(truth) < 2:
            return np.zeros(len(truth))
        means = np.empty(len(truth))
        for start in range(0, len(truth), _CHUNK):
            rows = slice(start, start + _CHUNK)
            scores = sharpen(truth[rows] @ truth.T).astype(np.float64)
            own = scores[np.arange(len(scores)), np.arange(start, start + len(scores))]
            means[rows] = (scores.sum(axis=1) - own) / (len(truth) - 1)
        return means


class CleanedCosine(SharpenedCosine):
    """Sharpened cosine of the prompts without sticky tokens, gibberish and repetitions.

    A large difference from the sharpened cosine shows that a score was gamed.
    """

    def __init__(self, vectors: TextVectors) -> None:
        super().__init__(
            vectors, name="sharpened_cosine_cleaned", label="sharpened cosine, cleaned"
        )

    @property
    def explanation(self) -> str:
        """What it measures."""
        return (
            "The sharpened cosine after meaningless tokens are removed from the recovered "
            f"prompts; embedder: {self._vectors.name}."
        )

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the similarity of each row; 0 where nothing remains of a prediction."""
        cleaned = [
            clean_prompt(text, context=f"{row.original} {row.rewritten}").text
            for text, row in zip(predictions, items, strict=True)
        ]
        values = super().values(items, [text or " " for text in cleaned])
        values[[not text.strip() for text in cleaned]] = 0.0
        return values
