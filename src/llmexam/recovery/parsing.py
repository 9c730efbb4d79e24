"""Read rewrites from CSV and JSON Lines: `id, original_text, rewritten_text[, rewrite_prompt]`.

Cells are literal texts: "None", "NA" and "null" are not missing values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from llmexam.errors import ExamError, nearest
from llmexam.exam.parsers.fields import checked_text, id_of
from llmexam.exam.parsers.source import CsvRecord, SourceFile
from llmexam.recovery.recognition import is_separated_otherwise
from llmexam.recovery.rewrites import Rewrite, RewriteExam, join
from llmexam.recovery.wording import is_blank

FIELDS = ("id", "original_text", "rewritten_text", "rewrite_prompt")
"""Names of the columns; `fields` of the functions below maps them to those of a file."""

FORMATS = ("csv", "jsonl")

_REQUIRED = ("original_text", "rewritten_text")


class _Record(Protocol):
    def as_dict(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class RewriteRows:
    """Rows and errors of a file.

    Attributes:
        exam: The valid rows.
        numbers: The row in the file of each of them, from 1.
        faults: The errors of the other rows, each with its row.
    """

    exam: RewriteExam
    numbers: tuple[int, ...]
    faults: tuple[ExamError, ...]


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
    found = []
    for path in several:
        read = read_rows(path, fields=fields, format=format)
        if read.faults:
            raise read.faults[0]
        found.append(read.exam)
    return found[0] if len(found) == 1 else join(found)


def read_rows(
    path: str | Path, *, fields: Mapping[str, str] | None = None, format: str | None = None
) -> RewriteRows:
    """Read a file, and collect the errors of invalid rows instead of raising them.

    The arguments are those of `read_rewrites`.

    Raises:
        ExamError: The file as a whole cannot be read.
    """
    if format not in (None, *FORMATS):
        raise ExamError(
            f"unknown format '{format}'", field="format", hint=nearest(str(format), FORMATS)
        )
    columns = _columns(fields or {})
    source = SourceFile.load(path)
    if source.is_parquet:
        raise source.error("expected CSV or JSON Lines, got Parquet", hint="Export it as CSV")
    if source.text.lstrip()[:1] == "[":
        raise source.error(
            "expected CSV or JSON Lines, got a JSON list", hint="Write one {...} per line"
        )
    is_json = source.text.lstrip()[:1] == "{" if format is None else format == "jsonl"
    records: Iterable[_Record] = source.json_lines() if is_json else _csv_records(source, columns)
    rows: list[tuple[int, Rewrite]] = []
    faults = []
    first: dict[str, int] = {}
    for number, record in enumerate(records, 1):
        try:
            row = _rewrite(record.as_dict(), number, columns)
            _require_new_id(row, first.setdefault(row.id, number), number, columns["id"])
            rows.append((number, row))
        except ExamError as error:
            faults.append(_placed(error, path, number))
    if not rows and not faults:
        raise source.error("the file has no rows", hint="Add rows below the header")
    known = [(number, row) for number, row in rows if row.prompt is not None]
    for number, row in rows if known else ():
        if row.prompt is None:
            fault = ExamError(
                f"{len(known)} of {len(rows)} rows have a prompt, this one has none",
                field=columns["rewrite_prompt"],
                hint="Give all prompts, or leave the column out",
            )
            faults.append(_placed(fault, path, number))
    kept = known or rows
    exam = RewriteExam(
        tuple(row for _, row in kept),
        str(path),
        "jsonl" if is_json else "csv",
        source_hash=source.sha256,
    )
    ordered = sorted(faults, key=lambda error: error.row or 0)
    return RewriteRows(exam, tuple(number for number, _ in kept), tuple(ordered))


def _columns(fields: Mapping[str, str]) -> dict[str, str]:
    columns = {name: name for name in FIELDS}
    for name, column in fields.items():
        if name not in columns:
            raise ExamError(f"unknown field '{name}'", field="fields", hint=nearest(name, FIELDS))
        columns[name] = column
    return columns


def _require_new_id(row: Rewrite, first: int, number: int, column: str) -> None:
    if first != number:
        raise ExamError(
            f"duplicate id '{row.id}', first used in row {first}",
            field=column,
            hint="Give every row a unique id",
        )


def _placed(error: ExamError, path: str | Path, row: int) -> ExamError:
    return ExamError(error.message, file=path, row=row, field=error.field, hint=error.hint)


def _csv_records(source: SourceFile, columns: Mapping[str, str]) -> Iterator[CsvRecord]:
    header = source.csv_header
    for name in _REQUIRED:
        if columns[name] not in header:
            raise source.error(
                f"column '{columns[name]}' is missing; found: {', '.join(header)}",
                hint=_missing_hint(header, name),
            )
    return source.csv_records()


def _missing_hint(header: Sequence[str], name: str) -> str:
    if is_separated_otherwise(header):
        return "Separate the columns by commas"
    return f"Name the one that holds it: --field {name}=COLUMN, or `fields` in a plan"


def _rewrite(record: Mapping[str, Any], number: int, columns: Mapping[str, str]) -> Rewrite:
    texts = {}
    for name in _REQUIRED:
        column = columns[name]
        if column not in record:
            raise ExamError(
                f"'{column}' is missing; found: {', '.join(record) or 'nothing'}",
                field=column,
                hint=_missing_hint((), name),
            )
        texts[name] = checked_text(record[column], column)
        if is_blank(texts[name]):
            raise ExamError("the text is blank", field=column, hint="Remove the row")
    column = columns["rewrite_prompt"]
    prompt = record.get(column)
    if prompt is not None:
        prompt = checked_text(prompt, column)
        if is_blank(prompt):
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
