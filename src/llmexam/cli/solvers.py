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
    """List the solvers, the extras they need, and their settings.

    Example: llmexam solvers lexical
    """
    import json
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from llmexam.cli.console import plain_console
    from llmexam.errors import SettingsError, nearest
    from llmexam.workflows.solvers import list_solvers

    found = list_solvers()
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
        table = Table("solver", "description", "evidence", "needs", box=None, pad_edge=False)
        for info in found:
            needs = info.needs and f"llmexam[{info.needs}]{'' if info.ready else ' (missing)'}"
            evidence = "yes" if info.uses_evidence else ""
            table.add_row(Text(info.name, style="bold"), info.summary, evidence, needs)
        console.print(table)
        return
    console.print(Text.assemble((found[0].name, "bold"), f": {found[0].summary}"))
    table = Table("setting", "default", "description", box=None, pad_edge=False)
    for key, setting in found[0].settings.items():
        table.add_row(key, json.dumps(setting["default"]), setting["description"])
    console.print(table)
