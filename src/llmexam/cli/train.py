"""`llmexam train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output folder. Defaults to trainings/NAME, with the name of the recipe file."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Override a key of the recipe: --set settings.n_epochs=1. Repeatable."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Estimate time and memory without training."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Delete the results of an earlier training run in the folder, and start again.",
        ),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", hidden=True, help="Old name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train a model as described by a recipe, and evaluate it before and after training.

    An interrupted training run resumes from its last checkpoint; a finished one is not repeated.
    For several processes use: torchrun --nproc-per-node 2 -m llmexam train RECIPE

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

    overwrite = overwrite or fresh
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
                found.estimate, found.n_trainings, found.n_graded, found.findings, found.noun
            )
            show(plain_console(), parts)
        return
    with telling_of_interrupts(goes_on(overwrite=overwrite)):
        outcome = train_recipe(
            recipe,
            folder,
            changes=changes,
            overwrite=overwrite,
            command=shlex.join(["llmexam", *sys.argv[1:]]),
            announce=announce,
        )
    if outcome is None:
        return
    if outcome.was_done:
        typer.echo(f"already trained: {folder} (train again with --overwrite)", err=True)
    if as_json:
        typer.echo(json.dumps(outcome.results, indent=2))
    else:
        show(plain_console(), training_summary(outcome.results, str(folder)))
