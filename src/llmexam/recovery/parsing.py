"""Read rewrites from CSV and JSON Lines: `id, original_text, rewritten_text[, rewrite_prompt]`.

Cells are literal texts: "None", "NA" and "null" are not missing values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from llmexam.errors import ExamError, nearest
from llmexam.exam.parsers.fields import checked_text, id_of
from llmexam.exam.parsers.source import CsvRecord, SourceFile
from llmexam.recovery.rewrites import Rewrite, RewriteExam, join

FIELDS = ("id", "original_text", "rewritten_text", "rewrite_prompt")
"""Names of the columns; `fields` of the functions below maps them to those of a file."""

FORMATS = ("csv", "jsonl")

_REQUIRED = ("original_text", "rewritten_text")


class _Record(Protocol):
    def as_dict(self) -> Mapping[str, Any]: ...


def read_rewrites(
    paths: str | Path | Sequence[str | Path],
    *,
    fields: Mapping[str, str] | None = None,
    format: str | None = None,
) -> RewriteExam:
    """Read one file, or several as one.

    Args:
        paths: CSV or JSON Lines files.
        fields: Column of the file for a name of `FIELDS`, where it is called otherwise.
        format: `csv` or `jsonl`; found out from the content by default.

    Raises:
        ExamError: A file cannot be read, a column is missing, a text is blank, or an id is there
            twice; the error names file, row and column.
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    if not several:
        raise ExamError("expected at least 1 file, got none")
    if format not in (None, *FORMATS):
        raise ExamError(
            f"unknown format '{format}'", field="format", hint=nearest(str(format), FORMATS)
        )
    found = [_read_one(path, fields or {}, format) for path in several]
    return found[0] if len(found) == 1 else join(found)


def _read_one(path: str | Path, fields: Mapping[str, str], format: str | None) -> RewriteExam:
    columns = {name: name for name in FIELDS}
    for name, column in fields.items():
        if name not in columns:
            raise ExamError(f"unknown field '{name}'", field="fields", hint=nearest(name, FIELDS))
        columns[name] = column
    source = SourceFile.load(path)
    if source.is_parquet:
        raise source.error("expected CSV or JSON Lines, got Parquet", hint="Export it as CSV")
    is_json = source.text.lstrip()[:1] == "{" if format is None else format == "jsonl"
    records: Iterable[_Record] = source.json_lines() if is_json else _csv_records(source, columns)
    rows = []
    for number, record in enumerate(records, 1):
        try:
            rows.append(_rewrite(record.as_dict(), number, columns))
        except ExamError as error:
            raise ExamError(
                error.message, file=path, row=number, field=error.field, hint=error.hint
            ) from None
    if not rows:
        raise source.error("the file has no rows", hint="Add rows below the header")
    known = sum(row.prompt is not None for row in rows)
    if 0 < known < len(rows):
        row = next(i for i, row in enumerate(rows, 1) if row.prompt is None)
        raise ExamError(
            f"{known} of {len(rows)} rows have a prompt, this one has none",
            file=path,
            row=row,
            field=columns["rewrite_prompt"],
            hint="Give all prompts, or leave the column out",
        )
    return RewriteExam(
        tuple(rows), str(path), "jsonl" if is_json else "csv", source_hash=source.sha256
    )


def _csv_records(source: SourceFile, columns: Mapping[str, str]) -> Iterator[CsvRecord]:
    header = source.csv_header
    for name in _REQUIRED:
        if columns[name] not in header:
            raise source.error(
                f"column '{columns[name]}' is missing; found: {', '.join(header)}",
                hint=f"Name the column that holds it: {name}=COLUMN",
            )
    return source.csv_records()


def _rewrite(record: Mapping[str, Any], number: int, columns: Mapping[str, str]) -> Rewrite:
    texts = {}
    for name in _REQUIRED:
        column = columns[name]
        if column not in record:
            raise ExamError(
                f"'{column}' is missing; found: {', '.join(record) or 'nothing'}",
                field=column,
                hint=f"Name the field that holds it: {name}=FIELD",
            )
        texts[name] = checked_text(record[column], column)
        if not texts[name].strip():
            raise ExamError("the text is blank", field=column, hint="Remove the row")
    column = columns["rewrite_prompt"]
    prompt = record.get(column)
    if prompt is not None:
        prompt = checked_text(prompt, column)
        if not prompt.strip():
            raise ExamError(
                "the prompt is blank",
                field=column,
                hint="Give the prompt, or leave the column out for all rows",
            )
    used = set(columns.values())
    return Rewrite(
        id=id_of(record, number, columns["id"]),
        original=texts["original_text"],
        rewritten=texts["rewritten_text"],
        prompt=prompt,
        metadata={
            key: str(value)
            for key, value in record.items()
            if key not in used and value not in (None, "")
        },
    )
