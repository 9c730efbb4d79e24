"""Incremental hash of the passages of an index, in the order in which they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from llmexam.exam.question import Passage


class PassagesHash:
    """A SHA-256 that is updated with passages while they stream into an index.

    Each change starts from the hash before it. Two histories that end with the same passages may
    therefore have different hashes, but indexes with equal hashes hold the same passages in the
    same order (which breaks ties between equal scores).

    Args:
        start: The hash before the change; empty for a new index.
    """

    def __init__(self, start: str = "") -> None:
        self._digest = hashlib.sha256()
        if start:
            self._feed("from", start)

    def read(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Yield the passages unchanged and add each to the hash."""
        for passage in passages:
            self._feed("passage", passage.id, passage.title, passage.text)
            yield passage

    def delete(self, ids: Iterable[str]) -> Iterator[str]:
        """Yield the ids unchanged and add the deletion of each to the hash."""
        for id_ in ids:
            self._feed("delete", id_)
            yield id_

    def hexdigest(self) -> str:
        """Return the hash so far, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def _feed(self, *parts: str) -> None:
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        # Length prefixes keep ("ab", "c") and ("a", "bc") apart.
        self._digest.update(repr([len(part) for part in encoded]).encode())
        for part in encoded:
            self._digest.update(part)
