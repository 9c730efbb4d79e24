"""Kinds of files that hold records: CSV, JSON, JSON Lines, Parquet and Excel workbooks."""

from __future__ import annotations

from llmexam.exam.parsers.csv_rows import read_csv
from llmexam.exam.parsers.json_rows import read_json
from llmexam.exam.parsers.rows import Rows
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.parsers.table_rows import read_parquet, read_xlsx


def open_rows(source: SourceFile, records: str | None = None) -> Rows:
    """Return the rows of a file, whose kind is found out from its content.

    Args:
        source: The file.
        records: Path of the list inside a JSON file, or name of a sheet of a workbook.

    Raises:
        ExamError: The file as a whole cannot be read.
    """
    if source.is_zip and not source.is_parquet:
        return read_xlsx(source, records)
    if not source.is_parquet and is_json(source):
        return read_json(source, records)
    if records is not None:
        raise source.error(
            f"there are no records at '{records}': the file is a table",
            hint="Leave --field records out; it is for JSON files and workbooks",
        )
    return read_parquet(source) if source.is_parquet else read_csv(source)


def is_json(source: SourceFile) -> bool:
    """Return whether the text of a file starts like JSON.

    Raises:
        ExamError: The file is no text.
    """
    return source.text[:1000].lstrip()[:1] in ("{", "[")
