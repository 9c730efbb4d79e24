"""The report of questions for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from llmexam.exam.letters import letter_of
from llmexam.report.formats import MISSING, clip, count, fixed
from llmexam.report.items.content import ExamItems, ItemReport
from llmexam.report.items.measures import measure_groups
from llmexam.report.terminal_parts import plain_text, text_table

_PROMPT = 90
_OPTION = 50


def item_tables(report: ItemReport, *, n_suspects: int = 10) -> list[RenderableType]:
    """Return the tables of a report: measures by exam, yields, flaws, and the suspect keys.

    Args:
        report: The report.
        n_suspects: How many suspect keys of each exam are listed.
    """
    parts: list[RenderableType] = [_measures(report)]
    for exam in report.exams:
        parts += _yields(exam)
    if any(exam.flaws for exam in report.exams):
        parts.append(_flaws(report))
    for exam in report.exams:
        parts += _suspects(exam, n_suspects)
    for exam in report.exams:
        sentences = [*(exam.analysis.limits if exam.analysis else ()), *exam.notes]
        if sentences:
            parts.append(plain_text(f"\n{exam.name}", "bold"))
            parts += [plain_text(f"- {sentence}") for sentence in sentences]
    return parts


def _measures(report: ItemReport) -> Table:
    table = _table_of_exams("", report)
    for group in measure_groups(report):
        table.add_row(plain_text(group.title, "bold"), *[""] * len(report.exams))
        for measure in group.measures:
            table.add_row(
                plain_text(f"  {measure.label}"), *(plain_text(text) for text in measure.values)
            )
    table.caption = Text("* the 95 % interval does not contain chance", style="dim")
    table.caption_justify = "left"
    return table


def _table_of_exams(names: str, report: ItemReport) -> Table:
    """Return a table with a column per exam; long names of exams are folded, so that all fit."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column(names, overflow="fold", min_width=12, max_width=30)
    for exam in report.exams:
        table.add_column(plain_text(exam.name), justify="right", overflow="fold", min_width=8)
    return table


def _yields(exam: ExamItems) -> list[RenderableType]:
    found = exam.yields
    if found is None:
        return []
    title = f"{exam.name}: {count(found.kept)} of {count(found.generated)} questions kept"
    table = text_table(title, "filter", "rejected", "alone")
    for one in found.filters:
        alone = MISSING if one.rejected_alone is None else count(one.rejected_alone)
        table.add_row(plain_text(one.name), count(one.rejected), alone)
    parts: list[RenderableType] = [table]
    parts += [plain_text(f"missing: {key}: {value}") for key, value in found.shortfall.items()]
    return parts


def _flaws(report: ItemReport) -> Table:
    names = sorted({rule for exam in report.exams for rule in exam.flaws or ()})
    table = _table_of_exams("flaw", report)
    table.title, table.title_justify = Text("Item-writing flaws", style="bold"), "left"
    for name in names:
        cells = [
            MISSING if exam.flaws is None else count(len(exam.flaws.get(name, ())))
            for exam in report.exams
        ]
        table.add_row(plain_text(name), *cells)
    return table


def _suspects(exam: ExamItems, n: int) -> list[RenderableType]:
    if exam.analysis is None or not exam.analysis.suspects or n < 1:
        return []
    suspects = exam.analysis.suspects
    lines: list[RenderableType] = [
        plain_text(
            f"\n{exam.name}: {count(len(suspects))} suspect keys"
            + (f", the first {n}" if len(suspects) > n else ""),
            "bold",
        )
    ]
    for one in suspects[:n]:
        question = exam.exam[one.row - 1]
        lines.append(plain_text(f"row {one.row} ({one.id}): {clip(question.prompt, _PROMPT)}"))
        for label, option, votes in (
            ("key  ", one.answer, one.n_right),
            ("other", one.other, one.n_other),
        ):
            text = clip(question.options[option], _OPTION)
            lines.append(
                plain_text(f"  {label} {letter_of(option)}: {text} ({votes} of {one.n_raters})")
            )
        reason = " and ".join(one.reasons)
        lines.append(
            plain_text(
                f"  {reason}; discrimination {fixed(one.discrimination, 2)}, "
                f"p {fixed(one.p_value, 3)}",
                "dim",
            )
        )
    return lines
