"""The writer of a tantivy index, with errors that say what happened."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import tantivy

from llmexam.errors import EvidenceIndexError

_LITTLE = 32_000_000

T = TypeVar("T")


class IndexWriter:
    """Adds, deletes and commits; made by `writing`."""

    def __init__(self, writer: tantivy.IndexWriter, folder: Path) -> None:
        self._writer = writer
        self._folder = folder

    def add(self, document: tantivy.Document) -> None:
        """Add a document; it is searchable after a commit."""
        self._told(lambda: self._writer.add_document(document))

    def delete(self, field: str, term: str) -> None:
        """Delete every document added before that has a term in a field."""
        self._told(lambda: self._writer.delete_documents_by_term(field, term))

    def commit(self) -> None:
        """Put on disk what was added and deleted: from here on, a kill cannot take it back."""
        self._told(self._writer.commit)

    def finish(self) -> None:
        """Commit and wait for merges: fewer segments, and each costs time in every query."""
        self.commit()
        self._told(self._writer.wait_merging_threads)

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except ValueError as error:
            # tantivy says that a thread died, not why.
            if shutil.disk_usage(self._folder).free < _LITTLE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder)) from None
            raise EvidenceIndexError(
                f"cannot write the index: {str(error).splitlines()[0]}", file=self._folder
            ) from None


@contextmanager
def writing(index: tantivy.Index, folder: Path, *, heap_mb: int) -> Iterator[IndexWriter]:
    """Yield a writer; what was not committed is dropped on failure.

    Args:
        index: The index.
        folder: Where it is.
        heap_mb: Memory for documents that are not on disk yet, in megabytes.
    """
    # One thread: making documents in Python takes longer than indexing them, and equal scores
    # then always come in the order of the corpus.
    writer = index.writer(heap_mb * 1_000_000, 1)
    try:
        yield IndexWriter(writer, folder)
    except BaseException:
        # A writer whose threads have ended has nothing left to roll back.
        with suppress(RuntimeError, ValueError):
            writer.rollback()
        raise
    finally:
        del writer
