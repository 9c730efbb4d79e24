"""`llmexam audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.items import report_items
from llmexam.cli.options import ExamFormat, TaskName
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.exam.parsers.options import ReadOptions
    from llmexam.tasks.capabilities import AuditReport

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_N_ROWS_SHOWN = 8


@reads_exam(without=("sample", "seed"))
def audit(
    exam: Annotated[
        list[Path],
        typer.Argument(
            help="Exam file, folder or pattern, `-` for standard input, or `bundled` for the "
            "sample exam. Several with --items.",
            show_default=False,
        ),
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
    flaws: Annotated[
        bool,
        typer.Option(
            "--flaws",
            help="Also report breaches of item-writing rules, such as absolute terms in wrong "
            "options only. For multiple choice.",
        ),
    ] = False,
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
    items: Annotated[
        bool,
        typer.Option(
            "--items",
            help="Analyse the questions: difficulty, discrimination, use of the wrong options, "
            "suspect keys, option tells, flaws. For multiple choice.",
        ),
    ] = False,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            help="With --items: answers of a solver (score file, submission or run folder). "
            "Repeatable.",
            show_default=False,
        ),
    ] = None,
    solver: Annotated[
        list[str] | None,
        typer.Option(
            help="With --items: let this solver answer, with several settings. Repeatable. "
            "Default without --answers: lexical, bi-encoder and longest.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(
            min=0,
            help="With --items: number of questions of an exam that --solver answers; 0 for all.",
        ),
    ] = 1_000,
    suspects: Annotated[
        int, typer.Option(min=0, help="With --items: number of suspect keys to list per exam.")
    ] = 10,
    report: Annotated[
        Path | None,
        typer.Option(help="With --items: HTML page to write.", show_default=False),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if there is an error or a warning.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Check an exam for invalid data, duplicates, biases and overlap with other files.

    Reports invalid rows, blank, repeated and null-like options, duplicate and contradictory
    questions, a non-uniform distribution of right answers, right options that are written
    differently from wrong ones, and questions that also appear in a training set or a prompt. Row 1
    is the first record. Faulty rows do not stop the audit, but with --items they need --on-faulty
    skip.

    Of rewritten texts (prompt recovery) it reports invalid rows, refusals, texts that did not
    change, prompts that quote the rewritten text, repeated rows, scripts, and prompts and texts
    that appear in a training set as well.

    Example: llmexam audit exam.csv --against train.csv --against prompts.yaml --strict

    Example: llmexam audit exam.csv --flaws

    Example: llmexam audit rewrites.csv --train triplets.csv

    Example: llmexam audit exam.csv other.jsonl --items --report items.html
    """
    from llmexam.exam.parsers.options import ExamSource

    sources = [ExamSource(path, reading) for path in exam]
    given = {"near_threshold": near_threshold, "seed": seed}
    options = {key: value for key, value in given.items() if value is not None}
    if items:
        is_clean = report_items(
            sources,
            answers=answers or (),
            solvers=solver or (),
            sample=sample,
            report=report,
            as_json=as_json,
            n_suspects=suspects,
            against=against or (),
            **options,
        )
        if strict and not is_clean:
            raise typer.Exit(1)
        return
    _refuse_item_options(exam, answers=answers, solver=solver, report=report)
    from llmexam.workflows.audit import audit as audit_file

    options |= {"flaws": True} if flaws else {}
    result = audit_file(
        sources[0],
        against=against or (),
        task=task,
        options=options,
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False, allow_nan=False))
    else:
        from llmexam.cli.console import plain_console

        _show(result, plain_console())
    if strict and not result.is_clean:
        raise typer.Exit(1)


def _refuse_item_options(exams: list[Path], **given: object) -> None:
    """Raise an error if options of the item analysis are used without it."""
    used = [f"--{name}" for name, value in given.items() if value]
    if len(exams) > 1:
        used.insert(0, "several exams")
    if used:
        raise SettingsError(f"{used[0]} needs --items", hint="Add --items, or audit one exam")


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
