"""Report section: hardest questions."""

from __future__ import annotations

from dataclasses import dataclass

from llmexam.report.grading import confident_mistakes, hardest
from llmexam.report.questions import BriefView
from llmexam.report.sections.section import ReportData, Section

_MOST = 8


@dataclass(frozen=True, slots=True)
class HardestView:
    """Questions whose right option ranked worst, and those wrong with the largest lead."""

    hardest: tuple[BriefView, ...]
    confident: tuple[BriefView, ...]


def hardest_view(data: ReportData) -> HardestView | None:
    """Return the hardest questions, or None if no question is known to be wrong."""

    def brief(rows: list[int]) -> tuple[BriefView, ...]:
        return tuple(data.questions.brief(row, in_full=row in data.in_full) for row in rows)

    hard = hardest(data.grades, _MOST)
    return HardestView(brief(hard), brief(confident_mistakes(data.grades, _MOST))) if hard else None


HARDEST = Section("hardest", "Hardest", hardest_view)
