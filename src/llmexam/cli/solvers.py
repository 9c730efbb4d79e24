"""`llmexam solvers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.tasks.capabilities import SolverInfo


def solvers(
    name: Annotated[
        str | None, typer.Argument(help="Show the settings of this solver or recoverer only.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Only those of this task: multiple-choice or prompt-recovery.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the solvers of multiple choice and the recoverers of prompt recovery.

    Shows which extras they need, and which recoverers learn from training rows.

    Example: llmexam solvers lexical
    """
    import json
    from dataclasses import asdict
    from itertools import groupby

    from rich.table import Table
    from rich.text import Text

    from llmexam.cli.console import plain_console
    from llmexam.errors import SettingsError, nearest
    from llmexam.workflows.solvers import list_solvers

    found = list_solvers(task)
    if name is not None:
        known = [info.name for info in found]
        found = [info for info in found if info.name == name]
        if not found:
            raise SettingsError(f"unknown solver '{name}'", hint=nearest(name, known))
    if as_json:
        typer.echo(json.dumps([asdict(info) for info in found], indent=2))
        return
    console = plain_console()
    if name is None:
        for number, (kind, infos) in enumerate(groupby(found, key=lambda info: info.task)):
            _list(console, kind, list(infos), gap=number > 0)
        return
    for info in found:
        console.print(Text.assemble((info.name, "bold"), f": {info.summary}"))
        table = Table("setting", "default", "description", box=None, pad_edge=False)
        for key, setting in info.settings.items():
            table.add_row(key, json.dumps(setting["default"]), setting["description"])
        console.print(table)


def _list(console: Console, task: str, infos: Sequence[SolverInfo], *, gap: bool) -> None:
    """Print the solvers of a task, with the columns that tell them apart."""
    from rich.table import Table
    from rich.text import Text

    traits = {
        "evidence": [info.uses_evidence for info in infos],
        "learns": [info.is_fitted for info in infos],
    }
    shown = [name for name, values in traits.items() if any(values)]
    console.print(Text.assemble("\n" if gap else "", (task, "bold underline")))
    table = Table("name", "description", *shown, "needs", box=None, pad_edge=False)
    for row, info in enumerate(infos):
        needs = info.needs and f"llmexam[{info.needs}]{'' if info.ready else ' (missing)'}"
        marks = ["yes" if traits[name][row] else "" for name in shown]
        table.add_row(Text(info.name, style="bold"), info.summary, *marks, needs)
    console.print(table)
