"""Rows of typed tables: Parquet files and Excel workbooks."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from llmexam.errors import ExamError, MissingDependencyError, nearest
from llmexam.exam.parsers.rows import Row, Rows
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.unpacking import too_large, unpacked_limit
from llmexam.exam.parsers.zip_damage import ZIP_DAMAGE

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1024


def read_parquet(source: SourceFile) -> Rows:
    """Return the rows of a Parquet file; columns of binary values, such as images, are left out.

    Raises:
        ExamError: The file is damaged.
    """
    # pyarrow takes longer to import than most exams to read.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(source.data))
        schema = file.schema_arrow
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(source, error) from None
    names = [field.name for field in schema if not _is_binary(field.type)]
    left_out = [field.name for field in schema if _is_binary(field.type)]
    repeated = next((name for name, n in Counter(names).items() if n > 1), None)
    if repeated is not None:
        raise source.error(f"two columns have the name '{repeated}'", hint="Rename one of them")
    notes = [f"columns of binary values were left out: {', '.join(left_out)}"] if left_out else []

    def rows() -> Iterator[Row]:
        limit, size = unpacked_limit(), 0
        try:
            for stored in file.iter_batches(batch_size=_batch_size(file, limit), columns=names):
                batch = _without_dictionaries(stored)
                size += batch.nbytes
                if size > limit:
                    error = too_large(limit)
                    raise source.error(error.message, hint=error.hint)
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(source, error) from None

    return Rows("parquet", tuple(names), rows(), drops_blanks=True, notes=notes)


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows with every value in full, so that their size is that of the questions."""
    import pyarrow as pa

    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _batch_size(file: Any, limit: int) -> int:
    """Return how many rows are unpacked at once, so that even repeated values stay within a limit.

    A value is stored once, however many rows have it, and is no larger than its column on disk.
    """
    metadata = file.metadata
    largest = max(
        (
            metadata.row_group(i).column(j).total_uncompressed_size
            for i in range(metadata.num_row_groups)
            for j in range(metadata.num_columns)
        ),
        default=1,
    )
    return max(1, min(_BATCH, limit // max(largest, 1)))


def _damaged(source: SourceFile, error: Exception) -> ExamError:
    reason = (str(error).splitlines() or ["no reason given"])[0]
    return source.error(f"is a damaged Parquet file: {reason}", hint="Download it again")


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _is_binary(kind.value_type)
    if (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    ):
        return True
    return any(_is_binary(kind.field(i).type) for i in range(kind.num_fields))


def read_xlsx(source: SourceFile, sheet: str | None = None) -> Rows:
    """Return the rows of a sheet of an Excel workbook, by the names in its first row.

    Args:
        source: The workbook.
        sheet: Name of the sheet; by default the first one with rows.

    Raises:
        MissingDependencyError: openpyxl is not installed.
        ExamError: The workbook is damaged, or has no such sheet.
    """
    _check_workbook(source)
    try:
        import openpyxl
    except ImportError:
        raise MissingDependencyError("reading Excel workbooks", "openpyxl", "xlsx") from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
        tables = {
            one.title: [list(map(_cell, cells)) for cells in one.iter_rows(values_only=True)]
            for one in book.worksheets
        }
    except Exception as error:  # openpyxl lets errors of many kinds through.
        raise source.error(
            f"is a damaged Excel workbook: {type(error).__name__}: {error}",
            hint="Open and save it again, or export it as CSV",
        ) from None
    filled = [name for name, table in tables.items() if any(map(any, table))]
    if sheet is not None and sheet not in tables:
        raise source.error(f"there is no sheet '{sheet}'", hint=nearest(sheet, tables))
    if not filled:
        raise source.error("the workbook has no rows", hint="Add questions")
    chosen = sheet or filled[0]
    notes = []
    if sheet is None and len(filled) > 1:
        notes.append(
            f"read the sheet '{chosen}', not {', '.join(filled[1:])}: choose with "
            f"--field records=SHEET"
        )
    rows = [cells for cells in tables[chosen] if any(cells)]
    n_titles = _titles(rows)
    if n_titles:
        rows = rows[n_titles:]
        notes.append(f"{n_titles} rows above the header were left out")
    header = [name.strip() or f"column {i}" for i, name in enumerate(rows[0], 1)] if rows else []
    repeated = next((name for name, n in Counter(header).items() if n > 1), None)
    if repeated is not None:
        raise source.error(f"two columns have the name '{repeated}'", hint="Rename one of them")

    def records() -> Iterator[Row]:
        for cells in rows[1:]:
            cells += [""] * (len(header) - len(cells))
            yield dict(zip(header, cells, strict=False))

    return Rows("xlsx", tuple(header), records(), drops_blanks=True, notes=notes)


def _titles(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the start are titles above the header, with one filled cell."""
    filled = [sum(map(bool, cells)) for cells in rows[:10]]
    return next((i for i, n in enumerate(filled) if n > 1), 0)


def _check_workbook(source: SourceFile) -> None:
    limit = unpacked_limit()
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except ZIP_DAMAGE:
        sizes = {}
    if "xl/workbook.xml" not in sizes:
        raise source.error(
            "expected an exam, got a zip archive (not an Excel workbook, or a damaged one)",
            hint="Unpack it, and give the files inside",
        )
    if sum(sizes.values()) > limit:
        error = too_large(limit)
        raise source.error(error.message, hint=error.hint)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return str(value)
