"""Exam files of every known form, read into one `Exam`."""

from __future__ import annotations

from llmexam.exam.parsers.formats import FORMATS, ExamFormat, detect_format, read_exam, read_rows

__all__ = ["FORMATS", "ExamFormat", "detect_format", "read_exam", "read_rows"]
