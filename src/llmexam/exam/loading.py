"""Get an exam from what a user gives: an exam, a file, or `bundled`."""

from __future__ import annotations

from pathlib import Path

from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam


def load_exam(exam: Exam | str | Path, format: str | None = None) -> Exam:
    """Return an exam as it is, or read it from its file; `bundled` is the sample.

    Raises:
        ExamError: The file cannot be read.
    """
    return exam if isinstance(exam, Exam) else read_exam(exam, format=format)
