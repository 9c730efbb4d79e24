"""Choose among the prompts of several recoverers by agreement.

For each row, the prompt with the highest mean sharpened cosine to the prompts of all recoverers is
chosen, weighted by how far each recoverer is trusted: minimum Bayes risk decoding over their
answers (Kumar and Byrne, 2004).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_TAKEN = 40
# Selections without improvement after which the search ends.
_PATIENCE = 5
_LEAST_GAIN = 1e-9


def similarities(members: Sequence[Sequence[str]], vectors: TextVectors) -> Floats:
    """Return the sharpened cosine of each two members' prompts, row by row.

    Args:
        members: The prompts of each member, in the order of the rows.
        vectors: The embedder.

    Returns:
        Shape `[n_rows, n_members, n_members]`.
    """
    found = np.stack([vectors.encode(texts) for texts in members], axis=1)
    return sharpen(np.einsum("rid,rjd->rij", found, found, dtype=np.float64))


def choose(similar: Floats, weights: Floats) -> Ints:
    """Return the member whose prompt is chosen for each row, shape `[n_rows]`.

    A prompt agrees fully with itself, which counts with the weight of its member. Of equally good
    prompts that of the member with the largest weight is chosen, then that of the first member.

    Args:
        similar: Sharpened cosines, shape `[n_rows, n_members, n_members]`.
        weights: Weight of each member, 0 or more, shape `[n_members]`. A prompt of a member without
            weight is never chosen.

    >>> same = np.array([[[1.0, 0.1, 0.2], [0.1, 1.0, 0.7], [0.2, 0.7, 1.0]]])
    >>> choose(same, np.ones(3)).tolist(), choose(same, np.array([3.0, 1.0, 1.0])).tolist()
    ([2], [0])
    """
    order = np.argsort(-weights, kind="stable")
    order = order[weights[order] > 0]
    scores = np.round(similar[:, order] @ weights, 12)
    chosen: Ints = order[scores.argmax(axis=1)]
    return chosen


def fit_weights(similar: Floats, scores: Floats) -> Floats:
    """Return weights, adding up to 1, whose choices score best on rows with known prompts.

    Members are selected greedily with replacement (Caruana et al., 2004): each step adds the one
    that makes the mean score of the chosen prompts highest. The weight of a member is how often
    it was selected.

    Args:
        similar: Sharpened cosines of members, shape `[n_rows, n_members, n_members]`.
        scores: Score of each member's prompt, shape `[n_rows, n_members]`.
    """
    n_members = scores.shape[1]
    counts = np.zeros(n_members)
    best, best_counts, n_idle = -np.inf, counts, 0
    rows = np.arange(len(scores))
    for _ in range(_MOST_TAKEN):
        tried = counts + np.eye(n_members)
        means = [float(scores[rows, choose(similar, one)].mean()) for one in tried]
        counts = tried[int(np.argmax(means))]
        if max(means) > best + _LEAST_GAIN:
            best, best_counts, n_idle = max(means), counts, 0
        else:
            n_idle += 1
        if n_idle == _PATIENCE:
            break
    weights: Floats = best_counts / best_counts.sum()
    return weights
