"""Parsers of all supported exam formats."""

from __future__ import annotations

from llmexam.exam.parsers.formats import FORMATS, detect_format
from llmexam.exam.parsers.options import ExamSource, ReadOptions
from llmexam.exam.parsers.reading import read_exam, read_exam_with, read_rows, read_rows_with
from llmexam.exam.parsers.rows_read import RowsRead

__all__ = [
    "FORMATS",
    "ExamSource",
    "ReadOptions",
    "RowsRead",
    "detect_format",
    "read_exam",
    "read_exam_with",
    "read_rows",
    "read_rows_with",
]
