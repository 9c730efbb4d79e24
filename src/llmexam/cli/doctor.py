"""`llmexam doctor`."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine and this installation; exit with 1 where something is wrong.

    Example: llmexam doctor
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from llmexam.workflows.doctor import examine

    checks = examine()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        faces = {
            "ok": "[green]ok[/]",
            "missing": "[yellow]missing[/]",
            "problem": "[red]problem[/]",
        }
        table = Table(box=None, pad_edge=False, show_header=False)
        for check in checks:
            table.add_row(faces[check.verdict], check.subject, check.detail)
        Console().print(table)
    if any(check.verdict == "problem" for check in checks):
        raise typer.Exit(1)
