"""Report section: all metrics of each solver, for tasks without their own table."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from llmexam.report.content import Result
from llmexam.report.formats import MISSING, fixed, interval
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table


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
    """Return the table, or None where nothing was graded."""
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
    table = text_table("Results", "Solver", *view.metrics)
    for row in view.rows:
        cells = [f"{value} ({ends})" if ends else value for value, ends in row.values]
        table.add_row(plain_text(row.name), *cells)
    return table


RESULTS = Section("results", "Results", results_view, _summary)
