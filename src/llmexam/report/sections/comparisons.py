"""Report section: paired comparisons with the final result."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from rich.table import Table

from llmexam.evaluation.results import Comparison
from llmexam.report.formats import count, fixed, interval, p_value, percent, signed
from llmexam.report.plots import axis_labels, axis_over, strip
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.terminal_parts import plain_text, text_table


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A paired comparison; `reading` is its interpretation in words."""

    name_a: str
    name_b: str
    difference: str
    interval: str
    strip: Markup
    p: str
    better: str
    worse: str
    detectable: str
    reading: str


@dataclass(frozen=True, slots=True)
class ComparisonsView:
    """All comparisons; `axis` is drawn above them."""

    metric: str
    noun: str
    rows: tuple[ComparisonRow, ...]
    axis: Markup


def comparisons_view(data: ReportData) -> ComparisonsView | None:
    """Return the comparisons, if there are any."""
    comparisons = data.content.comparisons
    if not comparisons:
        return None
    ends = [v for c in comparisons for v in (c.difference.low, c.difference.high)]
    axis = axis_over([0.0, *ends])
    rows = []
    for c in comparisons:
        said = f"difference {signed(c.difference.value)}, {percent(c.level)} interval "
        drawing = strip(
            axis, c.difference, said + interval(c.difference, with_sign=True), reference=0.0
        )
        rows.append(
            ComparisonRow(
                c.name_a,
                c.name_b,
                signed(c.difference.value),
                interval(c.difference, with_sign=True),
                drawing,
                p_value(c.p_value),
                count(c.n_better),
                count(c.n_worse),
                fixed(c.minimum_detectable_difference),
                _verdict(c),
            )
        )
    return ComparisonsView(data.metric, data.content.noun, tuple(rows), axis_labels(axis))


def _verdict(comparison: Comparison) -> str:
    winner = comparison.winner
    return "no significant difference" if winner is None else f"{winner} is better"


def _summary(view: ComparisonsView) -> Table:
    table = text_table(
        "Paired comparisons", "Pair", "Difference", "Interval", "p", "Better / worse"
    )
    for row in view.rows:
        table.add_row(
            plain_text(f"{row.name_a} - {row.name_b}"),
            row.difference,
            row.interval,
            row.p,
            f"{row.better} / {row.worse}",
        )
    return table


COMPARISONS = Section("comparisons", "Comparisons", comparisons_view, _summary)
