"""Load an exam from an `Exam`, a path or the name `bundled`."""

from __future__ import annotations

from typing import Any

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import ReadOptions, read_exam_with
from llmexam.exam.parsers.files import ExamPath


def load_exam(exam: Exam | ExamPath, format: str | None = None, **options: Any) -> Exam:
    """Return an exam unchanged, or read it from its files; `bundled` is the sample exam.

    Args:
        exam: The exam, or its files as `read_exam` takes them.
        format: Format of the files; detected by default.
        options: Further attributes of `ReadOptions`.

    Raises:
        ExamError: A file is unreadable.
    """
    if isinstance(exam, Exam):
        return exam
    return read_exam_with(exam, ReadOptions(format=format, **options))
