"""Nearest prompts of a bank by vectors that are already computed.

`DenseIndex` embeds the texts that it is searched with, and keeps passages in a folder. Here the
query is a predicted vector that no text has, and the bank changes with every fold; so only the
layout of its faiss index is shared, with a higher limit of exact search: a bank is searched for
many rows at a time, and building inverted lists for each fold would take longer than the searches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.index.dense import DenseSettings, index_vectors
from llmexam.recovery.groups import content_words

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
# Exact search of 60,000 vectors of 384 numbers takes about 1 ms a row, for many rows at a time.
_LAYOUT = DenseSettings(flat_limit=200_000)
_STEM = 5


class PromptBank:
    """Prompts to choose from, with their vectors.

    Args:
        prompts: The prompts, distinct.
        vectors: Their unit vectors, shape `[n_prompts, dim]`.
        stems: Their stems, where these are known already.

    Attributes:
        stems: The first letters of the words that say what each prompt asks for.
        lengths: Logarithm of the length in characters, shape `[n_prompts]`.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        vectors: Floats,
        *,
        stems: Sequence[frozenset[str]] | None = None,
    ) -> None:
        self.prompts = prompts
        self.vectors = vectors
        self.stems = stems or [stems_of(content_words(prompt)) for prompt in prompts]
        self.lengths = np.log([1 + len(prompt) for prompt in prompts]).astype(np.float32)
        self._index: Any = index_vectors(vectors, _LAYOUT)

    def __len__(self) -> int:
        return len(self.prompts)

    def without(self, prompts: frozenset[str]) -> Self:
        """Return the bank without some prompts."""
        kept = [i for i, prompt in enumerate(self.prompts) if prompt not in prompts]
        stems = [self.stems[i] for i in kept]
        return type(self)([self.prompts[i] for i in kept], self.vectors[kept], stems=stems)

    def search(self, queries: Floats, k: int) -> Ints:
        """Return the places of the k prompts with the largest inner products, largest first.

        Args:
            queries: Vectors of any length, shape `[n_queries, dim]`.
            k: At most this many; of a smaller bank, all.

        Returns:
            Places in `prompts`, shape `[n_queries, min(k, n_prompts)]`. Where the inverted lists
            of a large bank hold fewer, the best one is repeated.
        """
        _, places = self._index.search(np.ascontiguousarray(queries), min(k, len(self)))
        found: Ints = np.where(places < 0, np.maximum(places[:, :1], 0), places)
        return found


def stems_of(words: frozenset[str]) -> frozenset[str]:
    """Return the first five letters of words: "pirate" and "pirates" are one.

    >>> sorted(stems_of(frozenset({"pirate", "pirates", "tale"})))
    ['pirat', 'tale']
    """
    return frozenset(word[:_STEM] for word in words)
