"""What is wrong, odd or leaking in an exam, found before anything is scored on it."""

from __future__ import annotations

from llmexam.exam.audit.finding import AuditResult, Finding, LengthLeak, LetterShare, Overlap

__all__ = ["AuditResult", "Finding", "LengthLeak", "LetterShare", "Overlap"]
