"""A random sample of passages, drawn from a stream."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

from llmexam.authoring.item import Source


def sample_sources(sources: Iterable[Source], n: int, seed: int = 0) -> list[Source]:
    """Return a random sample of passages in random order; all if there are fewer.

    A passage's place depends only on the seed and its id, so a larger sample starts with a smaller
    one. Memory holds `n` passages.

    Args:
        sources: The passages.
        n: Size of the sample.
        seed: Random seed.
    """
    keyed = ((_key(source, seed), place, source) for place, source in enumerate(sources))
    return [source for _, _, source in heapq.nsmallest(n, keyed)]


def _key(source: Source, seed: int) -> bytes:
    text = f"{seed}\0{source.passage.id}\0{source.passage.text}"
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
