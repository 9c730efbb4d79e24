"""Terminal tables of evaluations and ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from llmexam.errors import plural
from llmexam.evaluation.results import (
    ChoiceDiagnostics,
    Comparison,
    Estimate,
    Evaluation,
)
from llmexam.report.statistics import cluster_notes, correlation_note
from llmexam.report.terminal_parts import plain_text


def evaluation_summary(
    result: Evaluation, *, slices: bool = True, noun: str = "question"
) -> list[RenderableType]:
    """Return the terminal output for an evaluation.

    Args:
        result: The grades.
        slices: Whether to show the score on parts of the exam.
        noun: What one item is called.
    """
    choice, primary = result.choice, result.primary
    shown: list[RenderableType] = [
        plain_text(f"{result.name}: {plural(result.n_items, noun)}", "bold"),
        _scores(result),
    ]
    if choice:
        shown.append(_letters(choice))
    if slices and result.slices:
        shown.append(_slices(result))
    if choice and choice.calibration:
        found = choice.calibration
        shown.append(
            Text(
                f"Calibration: temperature {found.temperature:.4g}; out of fold, expected "
                f"calibration error {found.ece:.4f} and Brier score {found.brier:.4f}"
            )
        )
    if result.diagnostics:
        shown.extend(plain_text(note) for note in result.diagnostics.notes)
    if result.n_truncated:
        shown.append(Text(f"Context was truncated for {result.n_truncated} questions"))
    smallest = (
        f"Minimum detectable difference in {primary.label} with {plural(result.n_items, noun)}: "
        f"{primary.minimum_detectable_difference:.4f} ({correlation_note(primary)})"
    )
    return [
        *shown,
        *(plain_text(note) for note in cluster_notes(result.clusters, noun)),
        plain_text(smallest),
    ]


def ensemble_table(
    method: str,
    weights: Mapping[str, float | str],
    members: Sequence[Evaluation],
    combined: Evaluation | None,
    gains: Mapping[str, Comparison],
    *,
    out_of_fold: bool,
    column: str = "weight",
) -> Table:
    """Return the members of an ensemble with weights and, if graded, scores and gains.

    Args:
        method: How the members are combined.
        weights: The weight of each member, or a word that says it.
        members: The grades of each; empty without answers.
        combined: The grades of the ensemble; None without answers.
        gains: The ensemble with each member against the ensemble without it.
        out_of_fold: Whether the ensemble is graded out of fold.
        column: What the weights are.
    """
    graded = {member.name: member for member in members}
    columns = [combined.primary.label, "interval"] if combined else []
    columns += ["gain", "interval"] if gains else []
    table = Table(method, column, *columns)
    for name, weight in weights.items():
        own = cells(graded[name].primary.estimate) if name in graded else ()
        gain = cells(gains[name].difference, sign="+") if name in gains else ()
        shown = weight if isinstance(weight, str) else f"{weight:.4f}"
        table.add_row(plain_text(name), shown, *own, *gain)
    if combined:
        table.add_section()
        label = "ensemble, out of fold" if out_of_fold else "ensemble"
        table.add_row(label, "", *cells(combined.primary.estimate))
    return table


def _scores(result: Evaluation) -> Table:
    table = Table("", "score", f"{result.level:.1%} interval")
    for metric in result.metrics:
        table.add_row(plain_text(metric.label), *cells(metric.estimate))
    if result.macro is not None:
        table.add_section()
        over = f"mean over {plural(result.macro.n_values, 'value')} of {result.macro.by}"
        for mean in result.macro.metrics:
            table.add_row(plain_text(f"{mean.label}, {over}"), *cells(mean.estimate))
    table.add_section()
    for name, value in result.primary.references.items():
        table.add_row(plain_text(f"{result.primary.label} of {name}"), f"{value:.4f}", "")
    return table


def _letters(result: ChoiceDiagnostics) -> Table:
    table = Table("letter", "right answers", "first choices", "recall")
    for row in result.letters:
        recall = "-" if row.recall is None else f"{row.recall:.4f}"
        table.add_row(row.letter, str(row.n_answers), str(row.n_chosen), recall)
    return table


def _slices(result: Evaluation) -> Table:
    table = Table("slice", "", "questions", result.primary.label, "interval")
    previous = ""
    for part in result.slices:
        if previous and part.by != previous:
            table.add_section()
        by = part.by if part.by != previous else ""
        table.add_row(plain_text(by), plain_text(part.value), str(part.n), *cells(part.estimate))
        previous = part.by
    return table


def cells(estimate: Estimate, sign: str = "") -> tuple[str, str]:
    """Return a value and its interval as texts."""
    low, high = f"{estimate.low:{sign}.4f}", f"{estimate.high:{sign}.4f}"
    return f"{estimate.value:{sign}.4f}", f"{low} to {high}"
