"""Parsers of all supported exam formats."""

from __future__ import annotations

from llmexam.exam.parsers.formats import FORMATS, ExamFormat, detect_format, read_exam, read_rows

__all__ = ["FORMATS", "ExamFormat", "detect_format", "read_exam", "read_rows"]
