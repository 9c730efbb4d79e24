"""`llmexam train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe (YAML).")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the training; by default trainings/NAME, after the recipe."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a key of the recipe: --set settings.n_epochs=1. Repeatable."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what it would take in time and memory, and train nothing."
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, whatever is there already.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON instead of tables.")
    ] = False,
) -> None:
    """Train a solver by a recipe, and grade it before and after.

    A training that was stopped goes on where it was; one that is finished is not done again.
    Several processes train together with: torchrun --nproc-per-node 2 -m llmexam train RECIPE

    Example: llmexam train recipe.yaml --out trainings/first
    """
    import json
    import shlex

    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.report.terminal_parts import show
    from llmexam.report.training_tables import dry_run_summary, training_summary
    from llmexam.training.base.processes import is_first_process
    from llmexam.workflows.train.pipeline import dry_run as try_recipe
    from llmexam.workflows.train.pipeline import train_recipe

    folder = out or Path("trainings") / recipe.stem
    changes = parse_settings(set_ or [])
    errors = plain_console(stderr=True)
    told: set[str] = set()

    def announce(name: str, n_done: int, n_all: int | None) -> None:
        # Lines, because the training draws a bar of its own below them.
        if n_done == 0 and name not in told and is_first_process():
            told.add(name)
            errors.print(f"- {name}", soft_wrap=True)

    if dry_run:
        if not is_first_process():
            return
        found = try_recipe(recipe, folder, changes=changes, announce=announce)
        if as_json:
            typer.echo(json.dumps(found.as_dict(), indent=2))
        else:
            parts = dry_run_summary(
                found.estimate, found.n_trainings, found.n_graded, found.findings
            )
            show(plain_console(), parts)
        return
    with telling_of_interrupts(goes_on(fresh=fresh)):
        outcome = train_recipe(
            recipe,
            folder,
            changes=changes,
            fresh=fresh,
            command=shlex.join(["llmexam", *sys.argv[1:]]),
            announce=announce,
        )
    if outcome is None:
        return
    if outcome.was_done:
        typer.echo(f"already trained, nothing done: {folder} (--fresh begins anew)", err=True)
    if as_json:
        typer.echo(json.dumps(outcome.results, indent=2))
    else:
        show(plain_console(), training_summary(outcome.results, str(folder)))
