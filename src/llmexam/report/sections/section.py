"""What a section of a report is, and what all sections read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from rich.console import RenderableType

from llmexam.report.content import ReportContent
from llmexam.report.grading import Grades, grade, most_telling
from llmexam.report.questions import QuestionViews

MOST_IN_FULL = 500
"""Exams up to this length show every question in full."""

SHOWN_OF_LONG = 200
"""How many questions of a longer exam are shown in full."""

View = TypeVar("View")


@dataclass(frozen=True)
class ReportData:
    """The content of a report, and what several sections compute from it, computed once.

    Raises:
        ScoreError: The scores of a solver are not those of the exam's questions.
    """

    content: ReportContent

    @cached_property
    def grades(self) -> Grades:
        """The final result, question by question."""
        return grade(self.content.exam, self.content.final)

    @cached_property
    def questions(self) -> QuestionViews:
        """Views of single questions."""
        evaluation = self.content.final.evaluation
        choice = evaluation.choice if evaluation else None
        return QuestionViews(self.content, self.grades, choice.k if choice else 3)

    @cached_property
    def in_full(self) -> set[int]:
        """Rows of the questions that are shown in full."""
        n = len(self.content.exam)
        return set(range(n)) if n <= MOST_IN_FULL else most_telling(self.grades, SHOWN_OF_LONG)

    @property
    def metric(self) -> str:
        """Label of the primary metric, or nothing where nothing was graded."""
        evaluation = self.content.final.evaluation
        return evaluation.primary.label if evaluation else ""


@dataclass(frozen=True)
class Section(Generic[View]):
    """A section of a report.

    Attributes:
        name: Its anchor on the page; its template is `templates/NAME.html` and gets `view`.
        label: Its name in the list of sections; empty keeps it out of the list.
        view: Returns what the section shows, or None if there is nothing to show.
        summary: Returns what the terminal shows of the view, or None for nothing; left out
            for sections that only the page has.
    """

    name: str
    label: str
    view: Callable[[ReportData], View | None]
    summary: Callable[[View], RenderableType | None] | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name and a short explanation."""

    label: str
    value: str
    detail: str
