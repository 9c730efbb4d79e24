"""Report section: all questions, in full or, if there are many, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexam.report.formats import count
from llmexam.report.grading import Grades
from llmexam.report.questions import BriefView, QuestionView
from llmexam.report.sections.section import ReportData, Section

MOST_IN_BRIEF = 5000
"""How many further questions have a line each; files beyond that would not open well."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter button above the questions: label and number of matching questions."""

    name: str
    label: str
    n: str


@dataclass(frozen=True, slots=True)
class QuestionsView:
    """The questions in full, and one line for each of the others."""

    note: str
    filters: tuple[Filter, ...]
    full: tuple[QuestionView, ...]
    rest: tuple[BriefView, ...]


def questions_view(data: ReportData) -> QuestionsView | None:
    """Return the questions, if there are any."""
    if not len(data.choice.exam):
        return None
    rest = [row for row in range(len(data.choice.exam)) if row not in data.in_full]
    return QuestionsView(
        note=_questions_note(data.grades, rest),
        filters=_filters(data.grades),
        full=tuple(data.questions.full(row) for row in sorted(data.in_full)),
        rest=tuple(data.questions.brief(row, in_full=False) for row in rest[:MOST_IN_BRIEF]),
    )


def _filters(grades: Grades) -> tuple[Filter, ...]:
    ranks = grades.answer_rank
    counts = (
        ("all", "All", len(ranks)),
        ("wrong", "Wrong", int((ranks > 1).sum())),
        ("right", "Right", int((ranks == 1).sum())),
        ("uncertain", "Uncertain", int(grades.uncertain.sum())),
    )
    return tuple(Filter(name, label, count(n)) for name, label, n in counts if n)


def _questions_note(grades: Grades, rest: Sequence[int]) -> str:
    n = len(grades.answer_rank)
    sentences = []
    if rest:
        cut = f", limited to {count(MOST_IN_BRIEF)}" if len(rest) > MOST_IN_BRIEF else ""
        sentences.append(
            f"{count(n - len(rest))} of {count(n)} questions are shown in full: wrong "
            "answers first, by decreasing margin, then the least certain ones. The "
            f"others have one line each{cut}."
        )
    if grades.uncertain.any():
        sentences.append(
            "Uncertain questions are the quarter with the smallest margin between "
            "first and second choice."
        )
    if grades.probabilities is not None:
        sentences.append("Probabilities use the softmax temperature fitted on all questions.")
    return " ".join(sentences)


QUESTIONS = Section("questions", "Questions", questions_view)
