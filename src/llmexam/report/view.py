"""A report as plain views: texts, marks and drawings, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from llmexam.report import analysis, record, solver_views
from llmexam.report.content import ReportContent
from llmexam.report.formats import clip, count
from llmexam.report.grading import Grades, confident_mistakes, grade, hardest, most_telling
from llmexam.report.headline import Headline, view_headline
from llmexam.report.questions import BriefView, QuestionView, QuestionViews
from llmexam.report.trainings import TrainingView, training_views

MOST_IN_FULL = 500
"""Exams up to this length show every question in full."""

SHOWN_OF_LONG = 200
"""How many questions of a longer exam are shown in full."""

MOST_IN_BRIEF = 5000
"""How many further questions have a line each; files beyond that would not open well."""

_HARDEST = 8
_TITLE = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """A button above the questions: which it shows, and how many."""

    name: str
    label: str
    n: str


@dataclass(frozen=True)
class ReportView:
    """Everything the page shows; empty parts are left out."""

    title: str
    sections: tuple[tuple[str, str], ...]
    headline: Headline
    solvers: solver_views.SolverTable
    letters: tuple[solver_views.LetterCard, ...]
    trainings: tuple[TrainingView, ...]
    comparisons: tuple[analysis.ComparisonRow, ...]
    comparison_axis: Markup
    calibration: analysis.CalibrationView | None
    slices: tuple[analysis.SliceGroup, ...]
    slice_axis: Markup
    hardest: tuple[BriefView, ...]
    confident: tuple[BriefView, ...]
    filters: tuple[Filter, ...]
    questions: tuple[QuestionView, ...]
    rest: tuple[BriefView, ...]
    questions_note: str
    findings: tuple[record.FindingView, ...]
    audit_summary: str
    stages: tuple[record.StageView, ...]
    stage_total: str
    command: str
    provenance: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]


def view_report(content: ReportContent) -> ReportView:
    """Return the views of a report.

    Raises:
        ScoreError: The scores of a solver are not those of the exam's questions.
    """
    evaluation = content.final.evaluation
    choice = evaluation.choice if evaluation else None
    grades = grade(content.exam, content.final)
    views = QuestionViews(content, grades, choice.k if choice else 3)
    n = len(content.exam)
    full = set(range(n)) if n <= MOST_IN_FULL else most_telling(grades, SHOWN_OF_LONG)
    rest = [row for row in range(n) if row not in full]
    comparisons, comparison_axis = analysis.comparison_rows(content.comparisons)
    slices, slice_axis = analysis.slice_groups(evaluation)
    calibration = analysis.calibration_view(evaluation)
    hard, bold = hardest(grades, _HARDEST), confident_mistakes(grades, _HARDEST)
    trainings = training_views(content)
    title = clip(content.title, _TITLE) or "Exam report"
    return ReportView(
        title=title,
        sections=_sections(
            content, bool(slices), calibration is not None, bool(hard), bool(trainings)
        ),
        headline=view_headline(content),
        solvers=solver_views.solver_table(content),
        letters=solver_views.letter_cards(content),
        trainings=trainings,
        comparisons=comparisons,
        comparison_axis=comparison_axis,
        calibration=calibration,
        slices=slices,
        slice_axis=slice_axis,
        hardest=tuple(views.brief(row, in_full=row in full) for row in hard),
        confident=tuple(views.brief(row, in_full=row in full) for row in bold),
        filters=_filters(grades),
        questions=tuple(views.full(row) for row in sorted(full)),
        rest=tuple(views.brief(row, in_full=False) for row in rest[:MOST_IN_BRIEF]),
        questions_note=_questions_note(grades, rest),
        findings=record.findings(content),
        audit_summary=record.audit_summary(content),
        stages=record.stages(content),
        stage_total=record.stage_total(content),
        command=record.command(content),
        provenance=record.provenance(content),
        files=record.files(content),
    )


def _sections(
    content: ReportContent, sliced: bool, calibrated: bool, mistaken: bool, trained: bool
) -> tuple[tuple[str, str], ...]:
    evaluation = content.final.evaluation
    choice = evaluation.choice if evaluation else None
    parts = (
        ("solvers", "Solvers", True),
        ("letters", "Letters", choice is not None and bool(choice.letters)),
        ("trainings", "Training", trained),
        ("comparisons", "Comparisons", bool(content.comparisons)),
        ("calibration", "Calibration", calibrated),
        ("slices", "Slices", sliced),
        ("hardest", "Hardest", mistaken),
        ("questions", "Questions", len(content.exam) > 0),
        ("audit", "Data audit", True),
        ("stages", "Time and memory", bool(content.stages)),
        ("provenance", "Provenance", True),
    )
    return tuple((anchor, label) for anchor, label, there in parts if there)


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
        cut = f", but only {count(MOST_IN_BRIEF)} of them" if len(rest) > MOST_IN_BRIEF else ""
        sentences.append(
            f"Of {count(n)} questions, {count(n - len(rest))} are shown in full: wrong ones, the "
            "widest margin first, then the least certain. The others have a line each"
            f"{cut}."
        )
    if grades.uncertain.any():
        sentences.append(
            "Uncertain are the quarter of the questions where the first choice leads the second "
            "by least."
        )
    if grades.probabilities is not None:
        sentences.append("Probabilities come from the temperature fitted on all questions.")
    return " ".join(sentences)
