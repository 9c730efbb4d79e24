"""Names of all exam formats: record shapes, and formats with a parser of their own."""

from __future__ import annotations

from llmexam.errors import ExamError
from llmexam.exam.parsers.documents import DOCUMENTS, ExamFormat
from llmexam.exam.parsers.reading import format_of, read_exam, read_rows
from llmexam.exam.parsers.rows_read import RowsRead
from llmexam.exam.parsers.shape import Shape
from llmexam.exam.parsers.shapes import SHAPES
from llmexam.exam.parsers.source import SourceFile

__all__ = ["FORMATS", "ExamFormat", "RowsRead", "detect_format", "read_exam", "read_rows"]

FORMATS: dict[str, Shape | ExamFormat] = {**SHAPES, **DOCUMENTS}
"""All formats by name, in the order in which they are tried."""


def detect_format(source: SourceFile) -> str | None:
    """Return the name of a file's format, or None.

    Raises:
        ExamError: The file can not be read at all.
    """
    if not (source.is_parquet or source.is_zip) and not source.text.strip():
        return None
    try:
        return format_of(source)
    except ExamError:
        # Text that is no exam is read as CSV, whose rows have no known shape.
        return None
