"""Lift over the best constant prompt, chosen on other rows than it is compared on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.metrics.sharpened_cosine import SharpenedCosine
from llmexam.recovery.rewrites import RewriteExam

Floats = NDArray[np.float64]

COMMON = (
    "Improve the text to this.",
    "Rewrite this text.",
    "Improve this text.",
    "Rewrite the text in a different style.",
    "Please improve the following text using the writing style of, maintaining the original "
    "meaning but altering the tone, diction, and stylistic elements to match the new style.",
)
"""Constant prompts that are compared beside those of the data; the first is the usual baseline."""

_N_FOLDS = 5


class Lift:
    """Sharpened cosine minus that of the best constant prompt, fitted on other folds.

    Args:
        cosine: The metric that is compared.
        vectors: Its embedder.
    """

    name = "lift"
    label = "lift over the best constant"
    explanation = (
        "Sharpened cosine minus that of the constant prompt that is best on rows with other "
        "prompts. A recoverer that ignores the texts earns 0."
    )
    higher_is_better = True
    bounds = (-2.0, 2.0)

    def __init__(self, cosine: SharpenedCosine, vectors: TextVectors) -> None:
        self._cosine = cosine
        self._vectors = vectors

    def values(self, items: RewriteExam, predictions: Sequence[str], /) -> Floats:
        """Return the difference of each row, shape `[n_items]`."""
        constants = best_constants(items, self._vectors)
        lift: Floats = self._cosine.values(items, predictions) - self._cosine.values(
            items, constants
        )
        return lift

    def chance(self, items: RewriteExam, /) -> Floats:
        """Return zeros: a constant has no lift."""
        return np.zeros(len(items))


def best_constants(
    items: RewriteExam, vectors: TextVectors, *, n_folds: int = _N_FOLDS
) -> list[str]:
    """Return a constant prompt for each row, fitted on rows of other groups of prompts.

    Candidates are the prompts of those rows and a few that are in common use.

    Args:
        items: Rows with prompts.
        vectors: The embedder.
        n_folds: Number of folds; fewer if there are fewer groups.
    """
    return list(_best_constants(tuple(items.prompts), vectors, n_folds))


# Asked for by the metric and as a baseline, for each recoverer.
@lru_cache(maxsize=8)
def _best_constants(
    prompts: tuple[str, ...], vectors: TextVectors, n_folds: int
) -> tuple[str, ...]:
    groups = prompt_groups(prompts)
    n_groups = len(set(groups.tolist()))
    if n_groups < 2:
        return (COMMON[0],) * len(prompts)
    folds = grouped_folds(groups, min(n_folds, n_groups))
    found = [""] * len(prompts)
    for fold in range(int(folds.max()) + 1):
        known = [prompt for prompt, own in zip(prompts, folds, strict=True) if own != fold]
        constant = best_constant(known, vectors)
        for row in np.flatnonzero(folds == fold):
            found[row] = constant
    return tuple(found)


def best_constant(prompts: Sequence[str], vectors: TextVectors) -> str:
    """Return the text with the highest mean sharpened cosine to prompts.

    Candidates are the prompts themselves, and those of `COMMON`.
    """
    candidates = [*COMMON, *dict.fromkeys(prompts)]
    truth = vectors.encode(prompts)
    means = [
        sharpen(part @ truth.T).mean(axis=1)
        for part in np.array_split(vectors.encode(candidates), len(candidates) // 1024 + 1)
    ]
    return candidates[int(np.concatenate(means).argmax())]
