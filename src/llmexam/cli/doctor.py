"""`llmexam doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

_STYLES = {"ok": "green", "missing": "yellow", "problem": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine and the installation; exit with code 1 if there is a problem.

    A missing optional extra is not a problem: its line lists what is unavailable without it, and
    the command that installs it.

    Example: llmexam doctor
    """
    import json
    from dataclasses import asdict

    from rich.text import Text

    from llmexam.cli.console import plain_console
    from llmexam.workflows.doctor import examine

    checks = examine()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        console = plain_console()
        width = max(len(check.subject) for check in checks)
        for check in checks:
            verdict = (f"{check.verdict:<7}", _STYLES[check.verdict])
            line = Text.assemble(f"{check.subject:<{width}}  ", verdict, f"  {check.sentence}")
            # One line a check, whatever the width: `llmexam doctor | grep missing` shows it all.
            console.print(line, soft_wrap=True)
    if any(check.verdict == "problem" for check in checks):
        raise typer.Exit(1)
