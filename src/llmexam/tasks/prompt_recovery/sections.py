"""Report sections of prompt recovery: all metrics, facets, and the distribution of scores."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from markupsafe import Markup
from rich.console import Group, RenderableType

from llmexam.evaluation.results import RecoveryDiagnostics
from llmexam.report.formats import MISSING, capital, count, fixed, interval
from llmexam.report.histogram import histogram
from llmexam.report.plots import Axis, axis_over
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table
from llmexam.tasks.prompt_recovery.diagnostics import MOST_FREQUENT
from llmexam.tasks.prompt_recovery.results import RecoveryResult


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of the final recoverer."""

    label: str
    value: str
    ends: str
    chance: str
    baselines: tuple[str, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class MetricsView:
    """All metrics; `baselines` names the columns, `notes` say what embedders truncated."""

    baselines: tuple[str, ...]
    rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]


def metrics_view(data: ReportData) -> MetricsView | None:
    """Return all metrics of the final recoverer beside chance and baselines."""
    evaluation = data.content.final.evaluation
    if evaluation is None:
        return None
    names = tuple(evaluation.primary.baselines)
    return MetricsView(
        names,
        tuple(
            MetricRow(
                metric.label,
                fixed(metric.estimate.value),
                interval(metric.estimate),
                MISSING if metric.chance is None else fixed(metric.chance),
                tuple(fixed(metric.baselines[name]) for name in names),
                metric.explanation,
            )
            for metric in evaluation.metrics
        ),
        evaluation.diagnostics.notes if evaluation.diagnostics else (),
    )


def _metrics_summary(view: MetricsView) -> Group | None:
    """Return what the terminal shows beside the score card: the notes."""
    return Group(*map(plain_text, view.notes)) if view.notes else None


@dataclass(frozen=True, slots=True)
class FacetRow:
    """One facet: share recovered, interval, chance, baselines and number of rows."""

    label: str
    value: str
    ends: str
    chance: str
    most_frequent: str
    baselines: tuple[str, ...]
    n: str
    n_labels: str


@dataclass(frozen=True, slots=True)
class FacetsView:
    """All facets; `baselines` names the columns of constant prompts."""

    baselines: tuple[str, ...]
    rows: tuple[FacetRow, ...]


def facets_view(data: ReportData) -> FacetsView | None:
    """Return the facets of the final prompts, or None where the plan names no bank of labels."""
    evaluation = data.content.final.evaluation
    found = evaluation.diagnostics if evaluation else None
    if not isinstance(found, RecoveryDiagnostics) or not found.facets:
        return None
    names = tuple(name for name in found.facets[0].baselines if name != MOST_FREQUENT)
    return FacetsView(
        names,
        tuple(
            FacetRow(
                capital(facet.label),
                fixed(facet.estimate.value),
                interval(facet.estimate),
                MISSING if facet.chance is None else fixed(facet.chance),
                fixed(facet.baselines[MOST_FREQUENT]),
                tuple(fixed(facet.baselines[name]) for name in names),
                count(facet.n),
                count(facet.n_labels),
            )
            for facet in found.facets
        ),
    )


def _facets_summary(view: FacetsView) -> RenderableType:
    table = text_table(
        "Facets recovered", "Facet", "share", "interval", "chance", MOST_FREQUENT, "rows"
    )
    for row in view.rows:
        table.add_row(
            plain_text(row.label), row.value, row.ends, row.chance, row.most_frequent, row.n
        )
    return table


@dataclass(frozen=True, slots=True)
class ScoresCard:
    """The distribution of one recoverer's scores."""

    name: str
    plot: Markup
    reading: str


@dataclass(frozen=True, slots=True)
class DistributionView:
    """The distribution of the primary metric over the rows, for each recoverer."""

    metric: str
    cards: tuple[ScoresCard, ...]


def distribution_view(data: ReportData) -> DistributionView | None:
    """Return a histogram of each recoverer's scores, the final one first, all on one axis."""
    final = data.content.final
    results = [final, *(one for one in data.content.solvers if one.name != final.name)]
    graded = [
        (one.name, one.scores)
        for one in results
        if isinstance(one, RecoveryResult) and one.scores is not None and len(one.scores)
    ]
    if not graded:
        return None
    axis = _round_axis(np.concatenate([scores for _, scores in graded]))
    cards = []
    for name, scores in graded:
        low, middle, high = (fixed(float(q), 2) for q in np.quantile(scores, (0.1, 0.5, 0.9)))
        reading = f"Median {middle}; a tenth of the rows is below {low}, a tenth above {high}."
        plot = histogram(scores.tolist(), axis, f"Scores of {name}. {reading}")
        cards.append(ScoresCard(name, plot, reading))
    return DistributionView(data.metric, tuple(cards))


def _round_axis(scores: np.ndarray) -> Axis:
    """Return an axis in steps of 0.2 at least, so that its labels fit a narrow card."""
    found = axis_over([*scores.tolist(), 0.0])
    step = max(found.step, 0.2)
    low, high = np.floor(found.low / step + 1e-9) * step, np.ceil(found.high / step - 1e-9) * step
    return Axis(round(float(low), 6), round(float(high), 6), step)


def template(name: str) -> str:
    """Return the source of a template of this task."""
    return (files("llmexam.tasks.prompt_recovery") / name).read_text(encoding="utf-8")


METRICS = Section(
    "metrics", "Metrics", metrics_view, _metrics_summary, template=template("metrics.html")
)
FACETS = Section("facets", "Facets", facets_view, _facets_summary, template=template("facets.html"))
DISTRIBUTION = Section(
    "distribution", "Distribution", distribution_view, template=template("distribution.html")
)
