"""Normalisation of scores within each question.

Every function takes a score matrix and returns float64, shape `[n_questions, n_options]`, with
0 where an option is absent. Questions are independent, so a question's points are the same in
any exam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.scores import ScoreMatrix

Floats = NDArray[np.float64]


def centred(scores: ScoreMatrix) -> Floats:
    """Return score - mean over the options of each question.

    >>> centred(ScoreMatrix.from_rows(["a", "b"], [[1, 3], [7]])).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    present = scores.present
    counts = np.maximum(present.sum(axis=1, keepdims=True), 1)
    values = np.where(present, scores.values.astype(np.float64), 0.0)
    return np.where(present, values - values.sum(axis=1, keepdims=True) / counts, 0.0)


def z_scores(scores: ScoreMatrix) -> Floats:
    """Return (score - mean) / standard deviation over the options of each question.

    A question whose options all have the same score gets zeros.

    >>> z_scores(ScoreMatrix.from_rows(["a", "b"], [[1, 3], [7, 7]])).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    middle = centred(scores)
    counts = np.maximum(scores.present.sum(axis=1, keepdims=True), 1)
    sd = np.sqrt((middle**2).sum(axis=1, keepdims=True) / counts)
    # Equal scores are detected by comparison, because the rounded mean can make sd > 0.
    varied = _vary(scores)[:, None] & (sd > 0)
    scaled: Floats = np.divide(middle, sd, out=np.zeros_like(middle), where=varied)
    return scaled


def log_softmax(scores: ScoreMatrix, temperature: float = 1.0) -> Floats:
    """Return the logarithm of the softmax; 0 where absent.

    Args:
        scores: Scores, best on the scale of log-likelihoods.
        temperature: Above 0; higher temperatures give more uniform probabilities.

    >>> np.exp(log_softmax(ScoreMatrix.from_rows(["a"], [[1, 1]]))).round(6).tolist()
    [[0.5, 0.5]]
    """
    if scores.values.size == 0:
        return np.zeros(scores.values.shape)
    values = np.where(scores.present, scores.values.astype(np.float64), -np.inf)
    shifted = (values - values.max(axis=1, keepdims=True)) / temperature
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.where(scores.present, logs, 0.0)


def ranks(scores: ScoreMatrix) -> Floats:
    """Return the rank of each option, 1 for the best; equal scores share their mean rank.

    >>> ranks(ScoreMatrix.from_rows(["a"], [[5, 9, 5]])).tolist()
    [[2.5, 1.0, 2.5]]
    """
    values = np.where(scores.present, scores.values, -np.inf)
    result = np.zeros(values.shape)
    # One column at a time: comparing all pairs at once would need n_options times the memory.
    for column in range(values.shape[1]):
        own = values[:, column, None]
        better = ((values > own) & scores.present).sum(axis=1)
        equal = ((values == own) & scores.present).sum(axis=1)
        result[:, column] = better + (equal + 1) / 2
    return np.where(scores.present, result, 0.0)


def _vary(scores: ScoreMatrix) -> NDArray[np.bool_]:
    """Return whether the options of each question differ in score, shape `[n_questions]`."""
    highest = np.where(scores.present, scores.values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(scores.present, scores.values, np.inf).min(axis=1, initial=np.inf)
    varied: NDArray[np.bool_] = highest > lowest
    return varied
