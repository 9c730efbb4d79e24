"""Audit an exam file of any task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.exam.parsers import ExamSource
from llmexam.tasks.capabilities import Audit, AuditReport, ExamFile
from llmexam.tasks.lookup import capability, task_of_exam


def audit(
    exam: str | Path | ExamSource,
    *,
    against: Sequence[str | Path] = (),
    task: str | None = None,
    format: str | None = None,
    fields: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> AuditReport:
    """Return what is wrong or odd in an exam, and what it shares with other files.

    Args:
        exam: The exam's file, or `bundled` for the sample of the task.
        against: Training files that should share nothing with it.
        task: Its task; found out from the content by default.
        format: Its format; found out likewise.
        fields: Names of its columns where they differ, for prompt recovery.
        options: Options of the task's audit, such as `near_threshold`.

    Raises:
        ExamError: A whole file cannot be read.
        SettingsError: There is no such task, or an option is wrong.
    """
    part: Audit = capability(task_of_exam(exam, task), "audit", "`llmexam audit`")
    return part(ExamFile.of(exam, format, fields), against=against, options=options or {})
