"""What the report of questions shows of each exam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmexam.evaluation.items import ItemAnalysis
from llmexam.evaluation.items.tells import Tell
from llmexam.exam.audit import AuditResult
from llmexam.exam.exam import Exam
from llmexam.report.items.yields import Yields

DUPLICATES = {
    "repeated questions": "same question and options",
    "contradictions": "same question, other key",
    "repeated prompts": "same question text",
    "near duplicates": "near duplicates",
    "similar prompts": "similar question texts",
}
"""Checks of the data audit about duplicates, and what they are called in tables."""


@dataclass(frozen=True)
class ExamItems:
    """An exam and what is known of its questions.

    Attributes:
        name: What the exam is called.
        exam: The exam, with all its questions.
        audit: Its data audit.
        tells: Accuracy of choices that ignore the question.
        analysis: Item analysis of all questions or of a sample; None without solvers or answers.
        flaws: From the name of an item-writing rule to the rows that break it; None if the rules
            were not applied.
        yields: Yield of each filter, for question sets that carry them.
        notes: Sentences for the reader, such as which solvers were left out.
    """

    name: str
    exam: Exam
    audit: AuditResult
    tells: tuple[Tell, ...]
    analysis: ItemAnalysis | None = None
    flaws: Mapping[str, tuple[int, ...]] | None = None
    yields: Yields | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_with_passages(self) -> int:
        """Questions that have at least one passage."""
        return sum(bool(question.passages) for question in self.exam)

    @property
    def duplicates(self) -> dict[str, tuple[int, ...]]:
        """From each kind of duplicate to the rows that it affects."""
        found: dict[str, tuple[int, ...]] = {}
        for finding in self.audit.findings:
            if finding.check in DUPLICATES:
                rows = {*found.get(finding.check, ()), *finding.rows}
                found[finding.check] = tuple(sorted(rows))
        return found

    @property
    def n_flawed(self) -> int | None:
        """Questions with at least one item-writing flaw, or None if the rules were not applied."""
        if self.flaws is None:
            return None
        return len({row for rows in self.flaws.values() for row in rows})

    def as_dict(self) -> dict[str, Any]:
        """Return the content as JSON-serialisable values."""
        value: dict[str, Any] = {
            "name": self.name,
            "n_questions": len(self.exam),
            "n_analysed": self.analysis.n_items if self.analysis else 0,
            "n_with_passages": self.n_with_passages,
            "audit": self.audit.as_dict(),
            "tells": [
                {
                    "name": tell.name,
                    "accuracy": tell.accuracy.model_dump(),
                    "chance": tell.chance,
                    "at_chance": tell.is_at_chance,
                }
                for tell in self.tells
            ],
            "analysis": self.analysis.as_dict() if self.analysis else None,
            "yields": self.yields.model_dump() if self.yields else None,
            "notes": list(self.notes),
        }
        if self.flaws is not None:
            value["flaws"] = {rule: list(rows) for rule, rows in self.flaws.items()}
        return value


@dataclass(frozen=True)
class ItemReport:
    """The report of one or several exams.

    Attributes:
        exams: The exams, one column each.
        provenance: Label and text of what made the report.
    """

    exams: tuple[ExamItems, ...]
    provenance: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-serialisable values."""
        return {
            "exams": [one.as_dict() for one in self.exams],
            "provenance": dict(self.provenance),
        }
