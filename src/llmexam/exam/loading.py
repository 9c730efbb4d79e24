"""Load an exam from an `Exam`, a path or the name `bundled`."""

from __future__ import annotations

from dataclasses import replace

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import ExamSource, ReadOptions, read_exam_with
from llmexam.exam.parsers.files import ExamPath


def load_exam(exam: Exam | ExamSource | ExamPath, format: str | None = None) -> Exam:
    """Return an exam unchanged, or read it from its files; `bundled` is the sample exam.

    Args:
        exam: The exam, its files as `read_exam` takes them, or these with how they are read.
        format: Format of the files; detected by default.

    Raises:
        ExamError: A file is unreadable.
    """
    if isinstance(exam, Exam):
        return exam
    if isinstance(exam, ExamSource):
        options = exam.options if format is None else replace(exam.options, format=format)
        return read_exam_with(exam.path, options)
    return read_exam_with(exam, ReadOptions(format=format))
