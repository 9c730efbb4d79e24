"""Data audit of an exam: errors, answer bias, duplicates and overlap with other files."""

from __future__ import annotations

from llmexam.exam.audit.finding import AuditResult, Finding, LengthLeak, LetterShare, Overlap

__all__ = ["AuditResult", "Finding", "LengthLeak", "LetterShare", "Overlap"]
