"""Report section: paired comparisons with the final result."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from rich.console import Group

from llmexam.evaluation.results import Comparison
from llmexam.report.formats import count, fixed, interval, p_value, percent, signed
from llmexam.report.plots import axis_labels, axis_over, strip
from llmexam.report.sections.section import ReportData, Section
from llmexam.report.statistics import adjusted_note, equivalence_notes
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
    holm: str
    bh: str
    better: str
    worse: str
    detectable: str
    reading: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparisonsView:
    """All comparisons; `axis` is drawn above them. `adjustment` is empty for a single one."""

    metric: str
    noun: str
    rows: tuple[ComparisonRow, ...]
    axis: Markup
    adjustment: str


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
                p_value(c.adjusted.holm) if c.adjusted else "",
                p_value(c.adjusted.benjamini_hochberg) if c.adjusted else "",
                count(c.n_better),
                count(c.n_worse),
                fixed(c.minimum_detectable_difference),
                _verdict(c),
                tuple(equivalence_notes(c, data.content.noun)),
            )
        )
    return ComparisonsView(
        data.metric, data.content.noun, tuple(rows), axis_labels(axis), adjusted_note(comparisons)
    )


def _verdict(comparison: Comparison) -> str:
    winner, adjusted = comparison.winner, comparison.adjusted
    if winner is None:
        return "no significant difference"
    is_kept = adjusted is None or adjusted.holm <= 1 - comparison.level
    return f"{winner} is better" + ("" if is_kept else ", but not significantly after Holm")


def _summary(view: ComparisonsView) -> Group:
    # All three would not fit into 80 columns.
    last = ("Holm", "BH") if view.adjustment else ("Better / worse",)
    table = text_table("Paired comparisons", "Pair", "Difference", "Interval", "p", *last)
    for row in view.rows:
        table.add_row(
            plain_text(f"{row.name_a} - {row.name_b}"),
            row.difference,
            row.interval,
            row.p,
            *((row.holm, row.bh) if view.adjustment else (f"{row.better} / {row.worse}",)),
        )
    notes = [view.adjustment] if view.adjustment else []
    notes += [note for row in view.rows for note in row.notes]
    return Group(table, *(plain_text(note) for note in notes))


COMPARISONS = Section("comparisons", "Comparisons", comparisons_view, _summary)
