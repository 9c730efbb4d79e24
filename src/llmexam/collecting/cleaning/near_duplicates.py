"""Exact and near duplicates among all documents, from arrays on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from llmexam.collecting.cleaning.counting import Keys, Positions, key_ranges, repeated_groups
from llmexam.collecting.cleaning.step import Observed

_OPEN_PARTS = 64
_CACHED_SETS = 20_000


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document that is dropped because another one is kept.

    Attributes:
        position: Its position in the corpus.
        of: Position of the document that is kept.
        similarity: Jaccard similarity of their shingles; 1 for the same words.
        is_exact: Whether the two have the same words in the same order.
    """

    position: int
    of: int
    similarity: float
    is_exact: bool


class DuplicateSearch:
    """Finds duplicates so that each dropped document has a kept one that is similar enough.

    Documents are visited in the order of preference. One is dropped if it has the same words as an
    earlier one, or is similar to one that is kept; so no chain of similar documents is followed.

    Memory: 17 bytes per document, lists of the documents that share a band key, and what
    `key_ranges` needs. Signatures and shingles are read from disk.

    Args:
        observed: Arrays `words` (key of all words), `lengths` (characters), `bands`, `shingles` and
            `offsets` of each part.
        keep: Which document of a group is kept.
    """

    def __init__(self, observed: Observed, *, keep: Literal["first", "longest"]) -> None:
        self._observed = observed
        self._n_parts = len(observed.n_documents)
        self._starts = observed.starts()
        self._sizes = list(observed.n_documents)
        n = int(self._starts[-1])
        self._rank = np.arange(n, dtype=np.int64)
        if keep == "longest" and n:
            parts = range(self._n_parts)
            lengths = np.concatenate([np.asarray(observed.load(p, "lengths")) for p in parts])
            by_length = np.argsort(-lengths.astype(np.int64), kind="stable")
            self._rank[by_length] = np.arange(n, dtype=np.int64)
        self._is_kept = np.ones(n, dtype=bool)
        self._part = lru_cache(maxsize=_OPEN_PARTS)(self._open_part)
        self._shingles = lru_cache(maxsize=_CACHED_SETS)(self._read_shingles)
        self.n_compared = 0

    def exact(self) -> list[Duplicate]:
        """Return the documents that have the same words as an earlier one."""
        found = []

        def load(part: int) -> Keys:
            return cast(Keys, self._observed.load(part, "words"))

        for keys, positions in key_ranges(load, self._sizes):
            for group in repeated_groups(keys, self._rank[positions]):
                first, *rest = (int(one) for one in positions[group])
                found += [Duplicate(one, first, 1.0, True) for one in rest]
                self._is_kept[rest] = False
        return found

    def near(self, threshold: float) -> list[Duplicate]:
        """Return the documents whose similarity to a kept one is at least the threshold."""
        found = []
        kept_in: defaultdict[int, list[int]] = defaultdict(list)
        for document, groups in self._memberships():
            candidates = sorted(
                {one for group in groups for one in kept_in[group]},
                key=lambda one: int(self._rank[one]),
            )
            for candidate in candidates:
                similarity = self._similarity(document, candidate, threshold)
                if similarity >= threshold:
                    found.append(Duplicate(document, candidate, similarity, False))
                    self._is_kept[document] = False
                    break
            else:
                for group in groups:
                    kept_in[group].append(document)
        return found

    def _memberships(self) -> Iterator[tuple[int, list[int]]]:
        """Yield documents in order of preference, with the band keys they share with others."""
        documents: list[Positions] = [np.zeros(0, dtype=np.int64)]
        numbers: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        n_groups = 0
        for band in range(self._n_bands()):

            def load(part: int, band: int = band) -> Keys:
                return cast(Keys, self._observed.load(part, "bands")[band])

            for keys, positions in key_ranges(load, self._sizes):
                is_kept = self._is_kept[positions]
                keys, positions = keys[is_kept], positions[is_kept]
                for group in repeated_groups(keys, self._rank[positions]):
                    documents.append(positions[group])
                    numbers.append(np.full(len(group), n_groups, dtype=np.int64))
                    n_groups += 1
        members, groups = np.concatenate(documents), np.concatenate(numbers)
        if not len(members):
            return
        order = np.lexsort((groups, self._rank[members]))
        members, groups = members[order], groups[order]
        starts = np.flatnonzero(np.diff(members, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(members)], strict=True):
            yield int(members[start]), groups[start:end].tolist()

    def _n_bands(self) -> int:
        return len(self._observed.load(0, "bands")) if self._n_parts else 0

    def _similarity(self, a: int, b: int, threshold: float) -> float:
        """Return the Jaccard similarity; 0 if their sizes alone keep it below the threshold."""
        one, other = self._shingles(a), self._shingles(b)
        if min(len(one), len(other)) < threshold * max(len(one), len(other)):
            return 0.0
        self.n_compared += 1
        n_shared = len(one & other)
        return n_shared / (len(one) + len(other) - n_shared)

    def _read_shingles(self, position: int) -> frozenset[int]:
        part = int(np.searchsorted(self._starts, position, side="right")) - 1
        shingles, offsets = self._part(part)
        row = position - int(self._starts[part])
        return frozenset(shingles[offsets[row] : offsets[row + 1]].tolist())

    def _open_part(self, part: int) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        return self._observed.load(part, "shingles"), self._observed.load(part, "offsets")
