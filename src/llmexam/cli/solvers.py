"""`llmexam solvers`."""

from __future__ import annotations

from typing import Annotated

import typer


def solvers(
    name: Annotated[
        str | None, typer.Argument(help="Show the settings of this solver only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the solvers, what they need, and their settings.

    Example: llmexam solvers lexical
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from llmexam.errors import SettingsError, nearest
    from llmexam.workflows.solvers import list_solvers

    found = list_solvers()
    if name is not None:
        known = [info.name for info in found]
        found = [info for info in found if info.name == name]
        if not found:
            raise SettingsError(f"there is no solver '{name}'", hint=nearest(name, known))
    if as_json:
        typer.echo(json.dumps([asdict(info) for info in found], indent=2))
        return
    console = Console()
    if name is None:
        table = Table("solver", "what it does", "evidence", "needs", box=None, pad_edge=False)
        for info in found:
            needs = info.needs and f"llmexam\\[{info.needs}]{'' if info.ready else ' (missing)'}"
            table.add_row(
                f"[bold]{info.name}[/]", info.summary, "yes" if info.uses_evidence else "", needs
            )
        console.print(table)
        return
    console.print(f"[bold]{found[0].name}[/]: {found[0].summary}")
    table = Table("setting", "default", "what it is", box=None, pad_edge=False)
    for key, setting in found[0].settings.items():
        table.add_row(key, json.dumps(setting["default"]), setting["description"])
    console.print(table)
