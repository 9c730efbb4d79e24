"""`llmexam audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.exam.audit import AuditResult

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_N_ROWS_SHOWN = 8


def audit(
    exam: Annotated[
        Path, typer.Argument(help="File with the questions, or `bundled`.", show_default=False)
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            help="A training set, or a text with few-shot prompts, that should share no question "
            "with the exam. Repeat it for more.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Form of the exam file; found out if not given."),
    ] = None,
    near_threshold: Annotated[
        float,
        typer.Option(
            "--near-threshold",
            help="Jaccard similarity of three-word shingles from which prompts are near "
            "duplicates.",
        ),
    ] = 0.7,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 2, help="Seed of the simulations.")
    ] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if there is an error or a warning.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Find what makes scores on an exam wrong or misleading.

    Looks for faulty rows, blank, repeated and null-looking options, repeated and contradictory
    questions, favoured letters, options whose length gives the answer away, and questions that
    are in a training set or a prompt too. Rows count from 1, the first record.

    Example: llmexam audit exam.csv --against train.csv --against prompts.yaml --strict
    """
    from llmexam.workflows.audit import audit_exam

    result = audit_exam(
        exam, against=against or (), format=format, near_threshold=near_threshold, seed=seed
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        from llmexam.cli.console import plain_console

        _show(result, plain_console())
    if strict and not result.is_clean:
        raise typer.Exit(1)


def _show(result: AuditResult, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    sizes = sorted({result.min_options, result.max_options})
    heading = (
        f"{result.source}: {result.n_questions:,} questions, {result.n_answers:,} with answers, "
        f"{' to '.join(map(str, sizes))} options, form '{result.format}'"
    )
    console.print(heading, soft_wrap=True)
    if result.letters:
        shares = "  ".join(f"{one.letter} {one.share:.1%}" for one in result.letters)
        console.print(f"Answers by letter: {shares}", soft_wrap=True)
    if not result.findings:
        console.print("Nothing found.")
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
    console.print(f"{counts}. All rows: --json")


def _rows_text(rows: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, rows[:_N_ROWS_SHOWN]))
    return f"{shown}, ... ({len(rows):,})" if len(rows) > _N_ROWS_SHOWN else shown
