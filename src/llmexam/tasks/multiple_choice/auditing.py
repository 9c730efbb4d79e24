"""Audit an exam file of multiple choice without a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from llmexam.exam.audit import AuditResult
from llmexam.exam.audit.audit import audit_exam
from llmexam.settings.base import Settings
from llmexam.tasks.capabilities import ExamFile, Options


class ChoiceAuditSettings(Settings):
    """Settings of the audit."""

    near_threshold: float = Field(
        0.7,
        description="Jaccard similarity of word trigrams from which prompts are near duplicates",
    )
    seed: int = Field(0, ge=0, description="random seed of the simulations")
    flaws: bool = Field(False, description="also report breaches of item-writing rules")


def audit_file(file: ExamFile, *, against: Sequence[str | Path], options: Options) -> AuditResult:
    """Return what is wrong or odd in an exam, and what it shares with other files.

    Raises:
        ExamError: A whole file is unreadable, or the threshold is out of range.
        SettingsError: An option is unknown.
    """
    settings = ChoiceAuditSettings.parse(options, subject="the audit of multiple choice")
    return audit_exam(
        file.source,
        against=against,
        near_threshold=settings.near_threshold,
        seed=settings.seed,
        flaws=settings.flaws,
    )
