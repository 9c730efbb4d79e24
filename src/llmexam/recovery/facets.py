"""Facets of prompts, such as tone, form and audience, by the labels of a bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.normalise import normalise
from llmexam.recovery.bank import read_facets
from llmexam.recovery.embeddings import TextVectors
from llmexam.storage.hashing import hash_file

Floats = NDArray[np.float32]

# Rows of the similarity matrix computed at a time, to bound memory.
_CHUNK = 256


class FacetLabels:
    """Labels prompts as the same or the nearest prompt of a bank is labelled.

    Args:
        labels: Labels of the bank's prompts: by prompt, then by facet.
        vectors: The embedder that finds the nearest prompt.
        threshold: Cosine similarity that the nearest prompt must have; a prompt that is less
            similar to all of the bank has no labels.

    Attributes:
        facets: Names of the facets, in the order of the bank.
    """

    def __init__(
        self, labels: Mapping[str, Mapping[str, str]], vectors: TextVectors, *, threshold: float
    ) -> None:
        self.facets = tuple(next(iter(labels.values()), {}))
        self._vectors = vectors
        self._threshold = threshold
        self._prompts = list(labels)
        self._labels = list(labels.values())
        self._by_words: dict[str, int] = {}
        for place, prompt in enumerate(self._prompts):
            self._by_words.setdefault(normalise(prompt), place)
        self._found: dict[str, int] = {}

    def of(self, prompts: Sequence[str], facet: str) -> list[str]:
        """Return the label of each prompt; blank where the bank knows none."""
        new = [one for one in dict.fromkeys(prompts) if one not in self._found]
        self._found.update(zip(new, self._places(new), strict=True))
        places = [self._found[prompt] for prompt in prompts]
        return [self._labels[place][facet] if place >= 0 else "" for place in places]

    def _places(self, prompts: Sequence[str]) -> list[int]:
        """Return the bank's prompt that speaks for each prompt, or -1."""
        found = [self._by_words.get(normalise(prompt), -1) for prompt in prompts]
        unknown = [row for row, place in enumerate(found) if place < 0]
        if not unknown:
            return found
        bank = self._vectors.encode(self._prompts)
        asked = self._vectors.encode([prompts[row] for row in unknown])
        for start in range(0, len(unknown), _CHUNK):
            similar = asked[start : start + _CHUNK] @ bank.T
            nearest = similar.argmax(axis=1)
            for row, own, place in zip(unknown[start:], similar, nearest, strict=False):
                if own[place] >= self._threshold:
                    found[row] = int(place)
        return found


def facet_labels(bank: str, vectors: TextVectors, threshold: float) -> FacetLabels:
    """Return the labels of a bank, read once.

    Args:
        bank: A CSV file with a column `rewrite_prompt` and one for each facet, or `bundled`.
        vectors: The embedder that finds the nearest prompt.
        threshold: Cosine similarity that the nearest prompt must have.

    Raises:
        ExamError: The file cannot be read, or has no labels.
    """
    # The file may have changed since it was read.
    version = hash_file(Path(bank)) if Path(bank).is_file() else ""
    return _labels(bank, version, vectors, threshold)


# Asked for each recoverer.
@lru_cache(maxsize=4)
def _labels(bank: str, version: str, vectors: TextVectors, threshold: float) -> FacetLabels:
    return FacetLabels(read_facets(bank), vectors, threshold=threshold)
