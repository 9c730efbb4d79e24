"""Texts to rewrite, read from CSV or JSON Lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.fields import checked_text
from llmexam.exam.parsers.source import SourceFile

COLUMNS = ("original_text", "text")
"""Columns that are looked for where the user names none: the first is that of rewrites."""


def read_texts(path: str | Path, column: str | None = None) -> list[str]:
    """Return the texts of a file, in its order.

    Args:
        path: A CSV or JSON Lines file; a file of rewrites is one, of which the originals are read.
        column: The column or key of the texts; `original_text` or `text` by default.

    Raises:
        ExamError: The file cannot be read, it has no such column, or a text is blank; the error
            names file, row and column.
    """
    source = SourceFile.load(path)
    if source.is_parquet:
        raise source.error("expected CSV or JSON Lines, got Parquet", hint="Export it as CSV")
    is_json = source.text.lstrip()[:1] == "{"
    if not is_json:
        column = _column_of(source, column)
    texts = []
    for row, record in enumerate(_records(source, is_json=is_json), 1):
        try:
            texts.append(_text(record(), column))
        except ExamError as error:
            raise ExamError(
                error.message, file=path, row=row, field=error.field, hint=error.hint
            ) from None
    if not texts:
        raise source.error("the file has no rows", hint="Add rows below the header")
    return texts


def _records(source: SourceFile, *, is_json: bool) -> Iterator[Callable[[], Mapping[str, Any]]]:
    for record in source.json_lines() if is_json else source.csv_records():
        yield record.as_dict


def _column_of(source: SourceFile, column: str | None) -> str:
    header = source.csv_header
    wanted = COLUMNS if column is None else (column,)
    found = next((name for name in wanted if name in header), None)
    if found is None:
        raise source.error(
            f"no column {_either(wanted)}; found: {', '.join(header)}",
            hint="Name the column of the texts: --text-column COLUMN",
        )
    return found


def _text(record: Mapping[str, Any], column: str | None) -> str:
    wanted = COLUMNS if column is None else (column,)
    name = next((name for name in wanted if name in record), None)
    if name is None:
        raise ExamError(
            f"no key {_either(wanted)}; found: {', '.join(record) or 'nothing'}",
            hint="Name the key of the texts: --text-column KEY",
        )
    text = checked_text(record[name], name)
    if not text.strip():
        raise ExamError("the text is blank", field=name, hint="Remove the row")
    return text


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
