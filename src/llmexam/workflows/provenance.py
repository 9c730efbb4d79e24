"""Provenance of a result, for reports."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import llmexam
from llmexam.exam.exam import Exam
from llmexam.report.content import Items
from llmexam.stages.code import code_hash
from llmexam.stages.versions import installed_versions, model_versions


@cache
def git_commit() -> str:
    """Return the git commit of the source checkout, with "+" if it was changed, or nothing."""
    root = Path(llmexam.__file__).resolve().parent
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def describe_run(exam: Items) -> dict[str, str]:
    """Return the provenance of a result for the report: label and value."""
    versions = {**installed_versions(), **model_versions()}
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "exam": exam.source,
        "exam file SHA-256": exam.source_hash,
        "notes on reading the exam": "; ".join(exam.notes) if isinstance(exam, Exam) else "",
        "questions and evidence SHA-256": exam.content_hash,
        "code SHA-256": code_hash(),
        "git commit": git_commit(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }
    return {label: value for label, value in facts.items() if value}
