"""Words of the rewritten text that are added to a prompt where no known prompt fits well.

A bank has "Rewrite this as a diary entry", and the prompt named a lighthouse keeper. What the bank
cannot have stands in the rewritten text: words that the original lacks. A prompt with some of them
is nearer to the true one, unless that is nearly known; but it reads as a list of key words. This
serves the metric, not a reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.features import NO_WORDS, new_words
from llmexam.recovery.rewrites import Rewrite, RewriteExam

Floats = NDArray[np.float32]
# Penalties to choose from, for standardised features of several hundred rows.
_ALPHAS = (100.0, 1000.0, 10_000.0, 100_000.0)


class KeywordChoice:
    """Chooses for each row how many words are added, by the gain that a ridge regression predicts.

    Args:
        numbers: Numbers of words to choose from; none are added until `fit`.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = np.array([0, *(n for n in numbers if n)], dtype=np.int64)
        self._model: Any = None

    def fit(
        self, items: RewriteExam, prompts: Sequence[str], features: Floats, vectors: TextVectors
    ) -> None:
        """Fit on rows with known prompts.

        Args:
            items: The rows.
            prompts: What was recovered for them without having seen them.
            features: Features of the rows and of these prompts, shape `[n_rows, n_features]`.
            vectors: The embedder of the score.
        """
        from sklearn.linear_model import RidgeCV  # type: ignore[import-untyped]
        from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
        from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

        if len(self._numbers) < 2:
            return
        truth = vectors.encode(items.prompts)
        scores = []
        for n in self._numbers:
            pairs = zip(prompts, items, strict=True)
            texts = [with_keywords(prompt, row, int(n)) for prompt, row in pairs]
            cosines = np.einsum("ij,ij->i", vectors.encode(texts), truth)
            scores.append(sharpen(cosines))
        gains = np.stack(scores[1:], axis=1) - scores[0][:, None]
        self._model = make_pipeline(StandardScaler(), RidgeCV(alphas=_ALPHAS))
        self._model.fit(features, gains)

    def choose(self, features: Floats) -> NDArray[np.int64]:
        """Return the number of words for each row, 0 where no gain is predicted.

        Args:
            features: As in `fit`, shape `[n_rows, n_features]`.
        """
        if self._model is None:
            return np.zeros(len(features), dtype=np.int64)
        gains = np.asarray(self._model.predict(features)).reshape(len(features), -1)
        best = np.where(gains.max(axis=1) > 0, 1 + gains.argmax(axis=1), 0)
        chosen: NDArray[np.int64] = self._numbers[best]
        return chosen


def with_keywords(prompt: str, row: Rewrite, n: int) -> str:
    """Return a prompt, followed by the first n words that only the rewritten text has.

    >>> row = Rewrite("1", "The sea is calm.", "O calm waters, gently rolling waters!")
    >>> with_keywords("Make it a poem.", row, 2)
    'Make it a poem. waters gently'
    """
    found = new_words(row)
    words = [] if found == NO_WORDS else found.split()[:n]
    return " ".join([prompt, *words])
