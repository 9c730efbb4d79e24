"""`llmexam audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ExamFormat, Fields, TaskName

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.tasks.capabilities import AuditReport

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_N_ROWS_SHOWN = 8


def audit(
    exam: Annotated[
        Path,
        typer.Argument(help="Exam file, or `bundled` for the sample exam.", show_default=False),
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            "--train",
            help="Training set, or text file with few-shot prompts, to check for overlap "
            "with the exam. Repeatable.",
            show_default=False,
        ),
    ] = None,
    task: TaskName = None,
    format: ExamFormat = None,
    field: Fields = None,
    near_threshold: Annotated[
        float | None,
        typer.Option(
            "--near-threshold",
            help="Threshold for near duplicates: Jaccard similarity of word trigrams. Default: "
            "0.7. For multiple choice.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            max=2**32 - 2,
            help="Random seed of the simulations. Default: 0. For multiple choice.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if there is an error or a warning.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check an exam for invalid data, duplicates, biases and overlap with other files.

    Reports invalid rows, blank, repeated and null-like options, duplicate and contradictory
    questions, a non-uniform distribution of right answers, option-length bias, and questions that
    appear in a training set or a prompt as well. Row 1 is the first record.

    Of rewritten texts (prompt recovery) it reports invalid rows, refusals, texts that did not
    change, prompts that quote the rewritten text, repeated rows, scripts, and prompts and texts
    that appear in a training set as well.

    Example: llmexam audit exam.csv --against train.csv --against prompts.yaml --strict

    Example: llmexam audit rewrites.csv --train triplets.csv
    """
    from llmexam.cli.options import parse_fields
    from llmexam.workflows.audit import audit as audit_file

    options = {"near_threshold": near_threshold, "seed": seed}
    result = audit_file(
        exam,
        against=against or (),
        task=task,
        format=format,
        fields=parse_fields(field or []),
        options={key: value for key, value in options.items() if value is not None},
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        from llmexam.cli.console import plain_console

        _show(result, plain_console())
    if strict and not result.is_clean:
        raise typer.Exit(1)


def _show(result: AuditReport, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    for line in result.headings:
        console.print(line, soft_wrap=True)
    if not result.findings:
        console.print("No findings.")
        return
    table = Table()
    for name, width in (("", None), ("Check", 14), ("Found", None), ("Rows", 14)):
        table.add_column(name, max_width=width, overflow="fold")
    for finding in result.findings:
        table.add_row(
            Text(finding.severity, style=_COLOURS[finding.severity]),
            finding.check,
            finding.message,
            _rows_text(finding.rows),
        )
    console.print(table)
    counts = ", ".join(f"{severity}s: {result.count(severity)}" for severity in _COLOURS)
    console.print(f"{counts}. List all rows with --json")


def _rows_text(rows: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, rows[:_N_ROWS_SHOWN]))
    return f"{shown}, ... ({len(rows):,})" if len(rows) > _N_ROWS_SHOWN else shown
