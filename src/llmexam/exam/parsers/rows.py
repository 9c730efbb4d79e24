"""Rows of an exam file, independent of the kind of file that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llmexam.errors import ExamError
from llmexam.exam.parsers.csv_bytes import CsvBytes

Record: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Record | ExamError
"""A record, or the error of a row that holds none."""


@dataclass
class Rows:
    """The rows of a file.

    Attributes:
        container: Kind of the file: csv, json, jsonl, parquet or xlsx.
        names: Names of its columns; empty if every row has its own keys.
        rows: The rows, in order; they can be read once.
        drops_blanks: Whether a blank value means that there is none, as in typed tables.
        notes: What the user should know about how the file was read.
        csv: The rows of a CSV file as bytes, to be read in bulk; None for other files.
    """

    container: str
    names: tuple[str, ...]
    rows: Iterator[Row]
    drops_blanks: bool = False
    notes: list[str] = field(default_factory=list)
    csv: CsvBytes | None = None
