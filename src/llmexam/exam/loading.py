"""Load an exam from an `Exam`, a path or the name `bundled`."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.sample import exam_path


def load_exam(exam: Exam | str | Path, format: str | None = None) -> Exam:
    """Return an exam unchanged, or read it from its file; `bundled` is the sample exam.

    Raises:
        ExamError: The file is unreadable.
    """
    if isinstance(exam, Exam):
        return exam
    return read_exam(exam_path(exam), format=format)
