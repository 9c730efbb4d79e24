"""The report in short, for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from llmexam.report import analysis, record, solver_views
from llmexam.report.content import ReportContent
from llmexam.report.formats import clip, printable
from llmexam.report.headline import view_headline

_SEVERITY_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}
_MOST_FINDINGS = 8
_MESSAGE = 160


def print_report(content: ReportContent, console: Console) -> None:
    """Print the score, what each solver gave, comparisons, the audit, time, and the files.

    Args:
        content: What to show.
        console: Where to print it.

    Raises:
        ScoreError: The scores of a solver are not those of the exam's questions.
    """
    console.print(_score_panel(content))
    solvers = solver_views.solver_table(content)
    console.print(_solvers(solvers))
    if solvers.gained:
        console.print(_gains(solvers))
    if content.comparisons:
        console.print(_comparisons(content))
    console.print(_audit(content))
    if content.stages:
        console.print(_stages(content))
    if content.files:
        console.print(_files(content))


def _text(text: str, style: str = "") -> Text:
    # As Text, not as markup: names and audit messages may hold brackets, or escape codes.
    return Text(printable(text), style=style)


def _table(title: str, names: str, *numbers: str) -> Table:
    """A table of one column of names and others of numbers, which never break."""
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        header_style="dim",
        pad_edge=False,
    )
    table.add_column(names, overflow="fold", min_width=10)
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def _score_panel(content: ReportContent) -> Panel:
    head = view_headline(content)
    lines: list[Text | Table] = []
    if head.score:
        lines.append(
            Text.assemble(
                (f"{head.metric} ", "bold"),
                (head.score, "bold green"),
                f"  {head.level} interval {head.interval}",
            )
        )
    facts = Table.grid(padding=(0, 2, 0, 0))
    for fact in head.facts:
        facts.add_row(Text(fact.label, style="dim"), Text(fact.value, style="bold"), fact.detail)
    lines.append(facts)
    lines.extend(_text(sentence) for sentence in head.reading)
    title = _text(clip(content.title, 80) or "Exam report", "bold")
    return Panel(Group(*lines), title=title, title_align="left", box=box.ROUNDED, padding=(0, 1))


def _solvers(view: solver_views.SolverTable) -> Table:
    shown = (
        (view.metric, view.graded),
        ("Interval", view.graded),
        (view.secondary, bool(view.secondary)),
        ("Weight", view.weighted),
        ("Spread", view.rotated),
        ("Truncated", True),
    )
    table = _table("What each solver gave", "Solver", *(name for name, there in shown if there))
    for row in view.rows:
        if row.kind == "baseline":
            continue
        cells = (row.score, row.interval, row.secondary, row.weight, row.spread, row.truncated)
        table.add_row(
            _text(row.name),
            *(cell for cell, (_, there) in zip(cells, shown, strict=True) if there),
            style="bold" if row.kind == "final" else "",
        )
    baselines = [f"{row.name} {row.score}" for row in view.rows if row.kind == "baseline"]
    if baselines:
        # The box leaves a blank line below a table, but none below its caption.
        table.caption = _text(f"Baselines: {', '.join(baselines)}\n", "dim")
        table.caption_justify = "left"
    return table


def _gains(view: solver_views.SolverTable) -> Table:
    table = _table("What each member brings to the ensemble", "Member", "Gain", "Interval")
    for row in view.rows:
        if row.gain_interval:
            table.add_row(_text(row.name), row.gain, row.gain_interval)
    return table


def _comparisons(content: ReportContent) -> Table:
    table = _table("Paired comparisons", "Pair", "Difference", "Interval", "p", "Better / worse")
    for row in analysis.comparison_rows(content.comparisons)[0]:
        table.add_row(
            _text(f"{row.name_a} less {row.name_b}"),
            row.difference,
            row.interval,
            row.p,
            f"{row.better} / {row.worse}",
        )
    return table


def _audit(content: ReportContent) -> Padding:
    lines = [Text.assemble(("Data audit  ", "bold"), record.audit_summary(content))]
    found = record.findings(content)
    for finding in found[:_MOST_FINDINGS]:
        line = _text(f"{finding.severity:<8}", _SEVERITY_STYLES.get(finding.severity, ""))
        line.append_text(_text(f" {finding.check}: {clip(finding.message, _MESSAGE)}"))
        if finding.rows:
            line.append_text(_text(f" ({finding.rows})", "dim"))
        lines.append(line)
    if len(found) > _MOST_FINDINGS:
        lines.append(Text(f"and {len(found) - _MOST_FINDINGS} more in the report", style="dim"))
    return Padding(Group(*lines), (0, 0, 1, 0))


def _stages(content: ReportContent) -> Table:
    table = _table("Time and memory", "Stage", "Time", "Peak memory", "")
    for stage in record.stages(content):
        note = Text("from an earlier run" if stage.cached else "", style="dim")
        table.add_row(_text(stage.name), stage.time, stage.memory, note)
    table.caption = Text(f"{record.stage_total(content)}\n", style="dim")
    table.caption_justify = "left"
    return table


def _files(content: ReportContent) -> Group:
    width = max(len(label) for label in content.files)
    lines = [Text("Files", style="bold")]
    for label, path in content.files.items():
        lines.append(_text(f"{label:<{width}}  ", "dim").append_text(_text(path)))
    return Group(*lines)
