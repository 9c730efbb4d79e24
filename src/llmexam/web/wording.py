"""Errors in words for pages, which may be shown to others: without paths of this machine."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import LlmExamError
from llmexam.report.paths import without_folders


def error_text(error: LlmExamError) -> str:
    """Return what is wrong, where, and what to do, with file names instead of paths.

    >>> from llmexam.errors import ExamError
    >>> error_text(ExamError("not as in /home/me/a.csv", file="/home/me/b.csv", row=3, hint="Wait"))
    'b.csv row 3: not as in a.csv. Wait'
    """
    where = " ".join(
        part
        for part in (
            Path(error.file).name if error.file else "",
            f"row {error.row}" if error.row is not None else "",
            f"field '{without_folders(error.field)}'" if error.field else "",
        )
        if part
    )
    message = without_folders(error.message)
    text = f"{where}: {message}" if where else message
    return f"{text}. {without_folders(error.hint)}" if error.hint else text
