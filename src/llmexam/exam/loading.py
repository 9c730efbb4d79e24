"""Load an exam from an `Exam`, a path or the name `bundled`."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam


def load_exam(exam: Exam | str | Path, format: str | None = None) -> Exam:
    """Return an exam unchanged, or read it from its file; `bundled` is the sample exam.

    Raises:
        ExamError: The file is unreadable.
    """
    return exam if isinstance(exam, Exam) else read_exam(exam, format=format)
