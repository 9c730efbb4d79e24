"""Weights of features, fitted on rows whose prompts the search did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import sharpen
from llmexam.recovery.ranking.candidates import FEATURES

Floats = NDArray[np.float32]
_EXPECTED = FEATURES.index("expected score")
_SHARPNESS = 2.0


class CandidateWeights:
    """Predicts the sharpened cosine of candidates to the true prompt from their features.

    The true prompt is rarely among the candidates, so it is not a class to tell from others: a
    ridge regression predicts each candidate's score, and the best expected score is chosen. That
    is what consensus decoding does by its own probabilities, which are among the features.
    Without rows to fit on, it is the expected score of consensus decoding.
    """

    def __init__(self) -> None:
        self._model: Any = None

    def fit(self, features: Floats, scores: Floats) -> None:
        """Fit on candidates of rows that the search did not see.

        Args:
            features: Their features, shape `[n_rows, k, n_features]`.
            scores: Their sharpened cosines to the true prompts, shape `[n_rows, k]`.
        """
        from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
        from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
        from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

        self._model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
        self._model.fit(features.reshape(-1, features.shape[2]), scores.reshape(-1))

    def predict(self, features: Floats) -> Floats:
        """Return the expected score of each candidate, shape `[n_rows, k]`."""
        if self._model is None:
            return features[:, :, _EXPECTED]
        flat = self._model.predict(features.reshape(-1, features.shape[2]))
        return np.asarray(flat, dtype=np.float32).reshape(features.shape[:2])


def judged_features(scores: Floats, vectors: Floats) -> Floats:
    """Return the features that a judge adds, shape `[n_rows, n_prompts, 2]`.

    They are its scores in standard deviations within the row, and the expected sharpened cosine
    of each candidate if these scores made the candidates' probabilities.

    Args:
        scores: Scores by the judge, shape `[n_rows, n_prompts]`.
        vectors: Unit vectors of the candidates, shape `[n_rows, n_prompts, dim]`.
    """
    spread = np.maximum(scores.std(axis=1, keepdims=True), 1e-6)
    standard = (scores - scores.mean(axis=1, keepdims=True)) / spread
    shares = np.exp(_SHARPNESS * standard)
    shares /= shares.sum(axis=1, keepdims=True)
    cosines = sharpen(np.einsum("ikj,ilj->ikl", vectors, vectors))
    expected = np.einsum("ikl,il->ik", cosines, shares)
    return np.stack([standard, expected], axis=2).astype(np.float32)
