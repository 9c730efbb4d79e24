"""Nearest prompts of a bank by vectors that are already computed.

`DenseIndex` embeds the texts that it is searched with, and keeps passages in a folder. Here the
query is a predicted vector that no text has, and the bank changes with every inner fold. So only
its inverted lists are shared, for banks so large that they pay. Smaller banks are searched exactly
by a matrix product: with 64 of 60,000 prompts it takes a seventh of the time of faiss' flat index,
and lists would take longer to build for each fold than they save.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.index.vectors import DenseSettings, index_vectors
from llmexam.recovery.groups import content_words

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
# With 64 of about 1,000 lists, 96 % of 64 nearest prompts of a real bank are found.
_LISTS = DenseSettings(flat_limit=200_000, n_probe=64)
# Rows at a time, to bound the memory of their inner products with all prompts.
_ROWS = 64
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
        self._lists: Any = None
        if len(vectors) > _LISTS.flat_limit:
            self._lists = index_vectors(vectors, _LISTS)
            self._lists.nprobe = _LISTS.n_probe

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
        k = min(k, len(self))
        if self._lists is not None:
            _, places = self._lists.search(np.ascontiguousarray(queries), k)
            found: Ints = np.where(places < 0, np.maximum(places[:, :1], 0), places)
            return found
        parts = range(0, len(queries), _ROWS)
        return np.concatenate([self._nearest(queries[i : i + _ROWS], k) for i in parts])

    def _nearest(self, queries: Floats, k: int) -> Ints:
        products = queries @ self.vectors.T
        if k < len(self):
            places = np.sort(np.argpartition(products, len(self) - k, axis=1)[:, -k:], axis=1)
        else:
            places = np.broadcast_to(np.arange(k), products.shape)
        order = np.argsort(-np.take_along_axis(products, places, axis=1), axis=1, kind="stable")
        return np.take_along_axis(places, order, axis=1)


def stems_of(words: frozenset[str]) -> frozenset[str]:
    """Return the first five letters of words: "pirate" and "pirates" are one.

    >>> sorted(stems_of(frozenset({"pirate", "pirates", "tale"})))
    ['pirat', 'tale']
    """
    return frozenset(word[:_STEM] for word in words)
