"""Report section: all metrics of each solver, for tasks without their own table."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from llmexam.report.content import Result
from llmexam.report.formats import MISSING, fixed, interval
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table

_SHORT = 12
_MOST_SHORT = 2


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One solver: value and interval of each metric."""

    name: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ResultsView:
    """All solvers; `metrics` are labels of columns, `baselines` name and value by the first."""

    metrics: tuple[str, ...]
    rows: tuple[ResultRow, ...]
    baselines: tuple[tuple[str, str], ...]


def results_view(data: ReportData) -> ResultsView | None:
    """Return the table, or None without grades."""
    content = data.content
    evaluation = content.final.evaluation
    if evaluation is None:
        return None
    members = [result for result in content.solvers if result.name != content.final.name]
    return ResultsView(
        tuple(metric.label for metric in evaluation.metrics),
        tuple(_row(result) for result in (content.final, *members)),
        tuple((name, fixed(value)) for name, value in evaluation.primary.references.items()),
    )


def _row(result: Result) -> ResultRow:
    metrics = result.evaluation.metrics if result.evaluation else ()
    values = tuple((fixed(m.estimate.value), interval(m.estimate)) for m in metrics)
    return ResultRow(result.name, values or ((MISSING, ""),))


def _summary(view: ResultsView) -> Table:
    """Return the table; a terminal has room for one interval and a few short columns."""
    several = len(view.metrics) > 1
    short = [n for n, label in enumerate(view.metrics) if n and len(label) <= _SHORT][:_MOST_SHORT]
    labels = [view.metrics[n] for n in (0, *short)]
    table = text_table("Results", "Solver", labels[0], *(["interval"] * several), *labels[1:])
    for row in view.rows:
        first, ends = row.values[0]
        cells = [first, ends] if several else [f"{first} ({ends})" if ends else first]
        more = [row.values[n][0] for n in short if n < len(row.values)]
        table.add_row(plain_text(row.name), *cells, *more)
    return table


RESULTS = Section("results", "Results", results_view, _summary)
