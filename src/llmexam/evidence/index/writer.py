"""Writer of a tantivy index that turns tantivy's errors into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import tantivy

from llmexam.errors import EvidenceIndexError
from llmexam.storage.disk_errors import disk_error

T = TypeVar("T")


class IndexWriter:
    """Adds and deletes documents and commits them; created by `writing`."""

    def __init__(self, writer: tantivy.IndexWriter, folder: Path) -> None:
        self._writer = writer
        self._folder = folder

    def add(self, document: tantivy.Document) -> None:
        """Add a document; it becomes searchable after a commit."""
        self._run(lambda: self._writer.add_document(document))

    def delete(self, field: str, term: str) -> None:
        """Delete all documents added before that have this term in a field."""
        self._run(lambda: self._writer.delete_documents_by_term(field, term))

    def commit(self) -> None:
        """Write additions and deletions to disk; they survive a killed process."""
        self._run(self._writer.commit)

    def finish(self) -> None:
        """Commit and wait for merges, because every segment costs time in every query."""
        self.commit()
        self._run(self._writer.wait_merging_threads)

    def _run(self, work: Callable[[], T]) -> T:
        return _told(work, self._folder)


def _told(work: Callable[[], T], folder: Path) -> T:
    try:
        return work()
    except (ValueError, OSError) as error:
        # tantivy may report that a thread died, but not the reason.
        reason = disk_error(str(error), folder)
        if reason is not None:
            raise reason from None
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise EvidenceIndexError(f"cannot write the index: {first}", file=folder) from None


@contextmanager
def writing(index: tantivy.Index, folder: Path, *, heap_mb: int) -> Iterator[IndexWriter]:
    """Yield a writer; uncommitted changes are rolled back on failure.

    Args:
        index: The index.
        folder: Where it is.
        heap_mb: Memory for documents that are not yet on disk, in megabytes.
    """
    # One thread: creating documents in Python takes longer than indexing them, and documents
    # then stay in corpus order, which breaks ties between equal scores.
    writer = _told(lambda: index.writer(heap_mb * 1_000_000, 1), folder)
    try:
        yield IndexWriter(writer, folder)
    except BaseException:
        # Rolling back fails if the writer's threads have died; nothing is pending then.
        with suppress(RuntimeError, ValueError):
            writer.rollback()
        raise
    finally:
        del writer
