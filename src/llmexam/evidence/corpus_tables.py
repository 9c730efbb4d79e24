"""Corpora in tables: CSV and Parquet."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from llmexam.errors import CorpusError
from llmexam.evidence.corpus_fields import USUAL, Record, pick, values_of
from llmexam.evidence.packed import Bounds, open_text

# In bytes; a thousand such texts are converted at a time.
_LONG_TEXT = 50_000


def read_csv(path: Path, fields: Mapping[str, str], bounds: Bounds) -> Iterator[Record]:
    """Read a CSV file with a header row (tabs instead of commas in `.tsv`).

    A file without a header is read where all fields are numbers of columns, from 1, as in
    `text=2`; with tabs, quotes then have no meaning, as in MS MARCO's collection.
    """
    # The csv module rejects fields over 128 KiB by default; documents may be longer.
    csv.field_size_limit(min(bounds.record_bytes, sys.maxsize, 2**31 - 1))
    tabs = ".tsv" in path.suffixes
    with open_text(path, bounds, newline="") as text:
        delimiter = "\t" if tabs else ","
        rows: Iterator[list[str]] = (
            csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            if tabs and _are_numbers(fields)
            else csv.reader(text, delimiter=delimiter, strict=True)
        )
        row = 0
        try:
            header = next(rows, None)
            if header is None:
                raise CorpusError("the file is empty", file=path)
            n_columns, places = _places(header, fields, path)
            head = "header"
            if _has_no_header(header, fields):
                head, rows = "first line", chain([header], rows)
            for row, cells in enumerate(rows, 1):
                if not cells:
                    continue
                # More cells than columns: an unquoted comma has split a text.
                if len(cells) != n_columns:
                    raise CorpusError(
                        f"expected {n_columns} cells as in the {head}, got {len(cells)}",
                        file=path,
                        row=row,
                        hint=f"Put texts that contain {'tabs' if tabs else 'commas'} or "
                        'line breaks in double quotes ("...")',
                    )
                id_, title, body = (
                    "" if place is None else cells[place]
                    for place in (places["id"], places["title"], places["text"])
                )
                yield row, (id_.strip(), title, body)
        except csv.Error as error:
            if "field larger" in str(error):
                raise bounds.too_long(row + 1) from None
            raise CorpusError(
                f"invalid CSV: {error}",
                file=path,
                row=row + 1,
                hint='Inside a quoted field, write double quotes twice ("")',
            ) from None


def _places(
    first: Sequence[str], fields: Mapping[str, str], path: Path
) -> tuple[int, dict[str, int | None]]:
    """Return the number of columns of a CSV file and the place of each field, by its first line."""
    if _has_no_header(first, fields):
        for field, name in fields.items():
            if not 1 <= int(name) <= len(first):
                raise CorpusError(
                    f"expected a column from 1 to {len(first)} for the {field}",
                    file=path,
                    field=name,
                )
        numbered = {field: int(name) - 1 for field, name in fields.items()}
        return len(first), {field: numbered.get(field) for field in USUAL}
    header = [name.strip() for name in first]
    try:
        names = {field: pick(field, fields, header, path, None) for field in USUAL}
    except CorpusError as error:
        if "text" not in fields and len(first) > 1 and first[0].strip().isdigit():
            raise CorpusError(
                "the first line looks like data, not like a header",
                file=path,
                field="text",
                hint="For a file without a header, give the numbers of the columns, such as "
                "--field id=1 --field text=2",
            ) from None
        raise error
    for column in names.values():
        if column is not None and header.count(column) > 1:
            raise CorpusError(
                f"two columns have the name '{column}'", file=path, hint="Rename one of them"
            )
    return len(header), {f: header.index(n) if n is not None else None for f, n in names.items()}


def _are_numbers(fields: Mapping[str, str]) -> bool:
    return "text" in fields and all(name.isascii() and name.isdigit() for name in fields.values())


def _has_no_header(first: Sequence[str], fields: Mapping[str, str]) -> bool:
    return _are_numbers(fields) and not set(fields.values()) <= {name.strip() for name in first}


def read_parquet(path: Path, fields: Mapping[str, str], bounds: Bounds) -> Iterator[Record]:
    """Read a Parquet file, a thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorpusError(
            f"expected a Parquet file: {_first_line(error)}", file=path, hint="Download it again"
        ) from None
    names = {field: pick(field, fields, schema, path, None) for field in USUAL}
    columns = sorted({name for name in names.values() if name is not None})
    row = 0
    try:
        # Repeated texts stay single in memory: a small file may hold one a million times.
        texts = [name for name in columns if _is_text(file.schema_arrow.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for record in _records(batch):
                    row += 1
                    values = values_of(record, names, path, row)
                    if max(map(len, values)) > bounds.record_bytes:
                        raise bounds.too_long(row)
                    yield row, values
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        raise CorpusError(
            f"is a damaged Parquet file: {_first_line(error)}",
            file=path,
            row=row + 1,
            hint="Download it again",
        ) from None


def _records(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch; long texts one at a time, for they may all be the same one."""
    import pyarrow.compute as pc

    packed = [column for column in batch.columns if hasattr(column, "dictionary")]
    longest = max(
        (pc.max(pc.binary_length(column.dictionary)).as_py() or 0 for column in packed), default=0
    )
    if longest <= _LONG_TEXT:
        yield from batch.to_pylist()
        return
    for place in range(len(batch)):
        yield {name: batch[name][place].as_py() for name in batch.schema.names}


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
