"""The HTML page of the questions of one or several exams, in one self-contained file."""

from __future__ import annotations

from dataclasses import dataclass

from llmexam.report.formats import MISSING, clip, count, fixed, percent
from llmexam.report.html import render_page
from llmexam.report.items.content import ExamItems, ItemReport
from llmexam.report.items.measures import measure_groups
from llmexam.report.items.views import Chart, ItemView, charts_of, sample_views, suspect_view
from llmexam.report.items.yields import Yields
from llmexam.report.paths import without_folders
from llmexam.report.plots import bar

MOST_SUSPECTS = 25
N_SAMPLES = 6
_TITLE = 120


@dataclass(frozen=True, slots=True)
class ExamView:
    """What the page shows of one exam."""

    place: int
    name: str
    charts: tuple[Chart, ...]
    raters: tuple[tuple[str, str, str, bool], ...]
    letters: tuple[tuple[str, str, object], ...]
    sentences: tuple[str, ...]
    suspects: tuple[ItemView, ...]
    n_suspects: int
    samples: tuple[ItemView, ...]
    yields: tuple[tuple[str, str, str, object], ...]
    yield_line: str
    shortfall: tuple[tuple[str, str], ...]


def items_page(report: ItemReport) -> str:
    """Return the page as HTML; it loads nothing and runs no script."""
    names = [exam.name for exam in report.exams]
    return render_page(
        "items.html",
        title=clip(", ".join(names), _TITLE) or "Questions",
        eyebrow="Item report",
        names=names,
        groups=measure_groups(report),
        exams=[_view(place, exam) for place, exam in enumerate(report.exams, 1)],
        flaws=_flaws(report),
        provenance=[
            (without_folders(label), without_folders(text))
            for label, text in report.provenance.items()
        ],
        command="",
    )


def _view(place: int, exam: ExamItems) -> ExamView:
    analysis = exam.analysis
    suspects = analysis.suspects if analysis else ()
    found = exam.yields
    return ExamView(
        place=place,
        name=exam.name,
        charts=charts_of(analysis) if analysis else (),
        raters=tuple(
            (
                rater.name,
                fixed(rater.accuracy, 3),
                f"{fixed(rater.low, 3)} to {fixed(rater.high, 3)}",
                rater.is_strong,
            )
            for rater in (analysis.raters if analysis else ())
        ),
        letters=tuple(
            (
                one.letter,
                f"{percent(one.share, 1)} (expected {percent(one.expected, 1)})",
                bar(one.share, f"{one.letter}: {percent(one.share, 1)} of the keys"),
            )
            for one in exam.audit.letters
        ),
        sentences=(*(analysis.limits if analysis else ()), *exam.notes),
        suspects=tuple(suspect_view(exam, one) for one in suspects[:MOST_SUSPECTS]),
        n_suspects=len(suspects),
        samples=sample_views(exam, N_SAMPLES),
        yields=_yields(found) if found else (),
        yield_line=""
        if found is None
        else f"{count(found.kept)} of {count(found.generated)} generated questions were kept.",
        shortfall=tuple(
            (name, str(value)) for name, value in (found.shortfall if found else {}).items()
        ),
    )


def _yields(found: Yields) -> tuple[tuple[str, str, str, object], ...]:
    """Return name, rejected questions, those rejected by it alone, and a bar of each filter."""
    n = max(found.generated, 1)
    return tuple(
        (
            one.name,
            count(one.rejected),
            MISSING if one.rejected_alone is None else count(one.rejected_alone),
            bar(one.rejected / n, f"{one.name} rejected {count(one.rejected)} of {count(n)}"),
        )
        for one in found.filters
    )


def _flaws(report: ItemReport) -> list[tuple[str, list[str]]]:
    rules = sorted({rule for exam in report.exams for rule in exam.flaws or ()})
    return [
        (
            rule,
            [
                MISSING if exam.flaws is None else count(len(exam.flaws.get(rule, ())))
                for exam in report.exams
            ],
        )
        for rule in rules
    ]
