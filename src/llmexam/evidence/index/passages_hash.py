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
        self._digest.update(joined_bytes(*parts))


def joined_bytes(*parts: str) -> bytes:
    """Return texts as bytes that no other texts give, in every version of Python.

    >>> joined_bytes("ab", "c"), joined_bytes("a", "bc")
    (b'[2, 1]abc', b'[1, 2]abc')
    """
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return repr([len(part) for part in encoded]).encode() + b"".join(encoded)
