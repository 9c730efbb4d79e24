"""Definition of report sections, and the data they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from rich.console import RenderableType

from llmexam.report.content import ReportContent, RunContent
from llmexam.report.grading import Grades, grade, most_telling
from llmexam.report.questions import QuestionViews

MOST_IN_FULL = 500
"""Exams up to this length show every question in full."""

SHOWN_OF_LONG = 200
"""How many questions of a longer exam are shown in full."""

View = TypeVar("View")


@dataclass(frozen=True)
class ReportData:
    """The content of a report, and cached values that several sections need.

    Attributes:
        content: The content of any task's report.

    Raises:
        TypeError: A section of multiple choice is asked for another task.
        ScoreError: The scores of a solver are not those of the exam's questions.
    """

    content: RunContent

    @property
    def choice(self) -> ReportContent:
        """The content of a multiple-choice report."""
        if not isinstance(self.content, ReportContent):
            raise TypeError("this section is for multiple-choice exams")
        return self.content

    @cached_property
    def grades(self) -> Grades:
        """The final result, question by question."""
        return grade(self.choice.exam, self.choice.final)

    @cached_property
    def questions(self) -> QuestionViews:
        """Views of single questions."""
        evaluation = self.content.final.evaluation
        choice = evaluation.choice if evaluation else None
        return QuestionViews(self.choice, self.grades, choice.k if choice else 3)

    @cached_property
    def in_full(self) -> set[int]:
        """Rows of the questions that are shown in full."""
        n = len(self.content.exam)
        return set(range(n)) if n <= MOST_IN_FULL else most_telling(self.grades, SHOWN_OF_LONG)

    @property
    def metric(self) -> str:
        """Label of the primary metric; empty without grades."""
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
        template: Source of its template, for sections of other packages; empty for a file of
            `templates/`.
    """

    name: str
    label: str
    view: Callable[[ReportData], View | None]
    summary: Callable[[View], RenderableType | None] | None = None
    template: str = ""
