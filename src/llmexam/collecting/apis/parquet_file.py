"""Write documents to a Parquet file as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path

from llmexam.collecting.document import Document
from llmexam.errors import CorpusError
from llmexam.storage.atomic import atomic_path

_BATCH = 1000
COLUMNS = tuple(field.name for field in fields(Document))


def write_documents(
    path: Path, documents: Iterable[Document], *, why_none: Callable[[], str] = str
) -> int:
    """Write documents to a Parquet file, whole or not at all, and return how many.

    Args:
        path: The file.
        documents: Read and written 1,000 at a time.
        why_none: Returns the reason if there is no document, for the error text.

    Raises:
        CorpusError: There is no document; no file is written.
        OSError: The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    n = 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for batch in _batches(documents):
            columns = [[_storable(getattr(one, name)) for one in batch] for name in COLUMNS]
            writer.write_table(pa.table(columns, schema=schema))
            n += len(batch)
        if not n:
            why = why_none()
            raise CorpusError(
                f"no document was collected, so no file was written{f' ({why})' if why else ''}",
                file=path,
            )
    return n


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    rest = iter(documents)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _storable(text: str) -> str:
    """Replace lone surrogates: JSON can escape them, but UTF-8 cannot encode them."""
    return text.encode("utf-8", "replace").decode("utf-8")
