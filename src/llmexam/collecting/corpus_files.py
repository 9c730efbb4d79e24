"""Parquet files of a corpus: columns of text, and each file is written whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from llmexam.collecting.document import Document
from llmexam.storage.atomic import atomic_path

Columns = dict[str, list[str]]
"""Columns of documents: lists of the same length, one text for each document."""

DOCUMENT_COLUMNS = tuple(field.name for field in fields(Document))


def write_columns(
    path: Path,
    parts: Iterable[Mapping[str, Sequence[str]]],
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write parts of a corpus to a Parquet file, whole or not at all, and return the documents.

    Args:
        path: The file.
        parts: At least one, all with the same columns; read and written one at a time.
        metadata: Metadata of the file.

    Raises:
        OSError: The file cannot be written.
    """
    n = 0
    with atomic_path(path) as temporary, ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for part in parts:
            table = pa.table({name: _text_array(values) for name, values in part.items()})
            if writer is None:
                schema = table.schema.with_metadata(metadata)
                writer = stack.enter_context(
                    pq.ParquetWriter(temporary, schema, compression="zstd")
                )
            writer.write_table(table)
            n += table.num_rows
    return n


def columns_of(documents: Sequence[Document]) -> Columns:
    """Return documents as columns."""
    return {name: [getattr(one, name) for one in documents] for name in DOCUMENT_COLUMNS}


def in_parts(documents: Iterable[Document], n_documents: int = 1000) -> Iterator[Columns]:
    """Yield a stream of documents as columns of at most so many documents."""
    rest = iter(documents)
    while batch := list(islice(rest, n_documents)):
        yield columns_of(batch)


def storable(text: str) -> str:
    """Return a text with lone surrogates replaced: JSON can escape them, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text_array(values: Sequence[str]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([storable(value) for value in values], pa.string())
