"""`llmexam run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def run(
    plan: Annotated[
        str, typer.Argument(help="A plan (YAML), or `demo` for the bundled sample exam.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; by default runs/NAME, after the plan's file."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key of the plan: --set evidence.k=10. Repeatable."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do everything again, whatever is there already.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the metrics as JSON instead of tables.")
    ] = False,
) -> None:
    """Take an exam from questions to a report, as a plan says.

    Finds evidence, lets the solvers score, combines, grades, explains, and writes the
    submission and the report. A run that was stopped goes on where it was; a changed setting
    does only that work again which depends on it.

    Example: llmexam run plan.yaml --out runs/first
    """
    import shlex

    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import stage_progress
    from llmexam.report.terminal import print_report
    from llmexam.tasks.registry import task_of
    from llmexam.workflows.run.pipeline import run_plan

    folder = out or Path("runs") / Path(plan).stem
    errors = plain_console(stderr=True)
    with telling_of_interrupts(goes_on(fresh=fresh)), stage_progress(errors) as announce:
        result = run_plan(
            plan,
            folder,
            changes=parse_settings(set_ or []),
            fresh=fresh,
            command=shlex.join(["llmexam", *sys.argv[1:]]),
            announce=announce,
        )
    if as_json:
        metrics = folder / "metrics.json"
        typer.echo(metrics.read_text(encoding="utf-8") if metrics.exists() else "null", nl=False)
    else:
        print_report(result, plain_console(), task_of(result.task).sections)
