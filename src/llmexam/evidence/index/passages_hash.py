"""One hash of all passages of an index, in the order in which they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from llmexam.exam.question import Passage


class PassagesHash:
    """A SHA-256 that is fed with passages while they stream into an index.

    A change goes on from the hash before it. So two histories that end with the same passages may
    have different hashes, but two indexes with the same hash hold the same passages in the same
    order, which decides between equal scores.

    Args:
        start: The hash before the change; empty for a new index.
    """

    def __init__(self, start: str = "") -> None:
        self._digest = hashlib.sha256()
        if start:
            self._feed("from", start)

    def read(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Yield the passages as they are, each fed into the hash."""
        for passage in passages:
            self._feed("passage", passage.id, passage.title, passage.text)
            yield passage

    def delete(self, ids: Iterable[str]) -> Iterator[str]:
        """Yield the ids as they are, each fed into the hash as one that is deleted."""
        for id_ in ids:
            self._feed("delete", id_)
            yield id_

    def hexdigest(self) -> str:
        """Return the hash of all that was fed so far, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def _feed(self, *parts: str) -> None:
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        # With the lengths in front, no two lists of parts have the same bytes.
        self._digest.update(repr([len(part) for part in encoded]).encode())
        for part in encoded:
            self._digest.update(part)
