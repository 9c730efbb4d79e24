"""Parquet files of a collection: each is written whole, with the counts of its pages."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from llmexam.collecting.corpus_files import columns_of, write_columns
from llmexam.collecting.document import Document
from llmexam.collecting.wikipedia.documents import PageConverter
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.errors import RunError

_KEY, _COUNTS = "llmexam.key", "llmexam.counts"
_MOST_FAILED = 20


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of a shard."""
    return folder / f"pages-{number:06d}.parquet"


def write_shard(path: Path, pages: list[Page], converter: PageConverter, key: str) -> Counts:
    """Convert pages and write their documents; a page that cannot be converted is counted.

    Args:
        path: The file.
        pages: Pages of the article namespace, in order.
        converter: Converts them.
        key: Key of the collection: inputs, settings and code.

    Returns:
        The counts of these pages.
    """
    counts, documents = Counts(), list[Document]()
    for page in pages:
        part = Counts()
        try:
            made = converter.convert(page, part)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
            # Wikitext may be anything; a parser's error on one page must not end the collection.
            part, made = Counts(failed=1, failed_titles=[page.title]), []
        counts.add(part)
        documents += made
    counts.failed_titles = counts.failed_titles[:_MOST_FAILED]
    metadata = {_KEY: key, _COUNTS: json.dumps(counts.as_json())}
    write_columns(path, [columns_of(documents)], metadata)
    return counts


def read_counts(path: Path, key: str) -> Counts | None:
    """Return the counts of a finished shard, or None if it is not there.

    Raises:
        RunError: The shard is damaged, or of another collection.
    """
    if not path.exists():
        return None
    try:
        metadata = pq.read_schema(path).metadata or {}
        counts = Counts.from_json(json.loads(metadata[_COUNTS.encode()]))
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise RunError(
            f"is not a shard of a collection: {error}",
            file=path,
            hint="Delete this file, or choose another folder",
        ) from None
    if metadata[_KEY.encode()] != key.encode():
        raise RunError(
            "was collected from other dumps or with other settings",
            file=path,
            hint="Choose another folder, or use --overwrite",
        )
    return counts
