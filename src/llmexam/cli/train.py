"""`llmexam train`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from llmexam.workflows.train.pipeline import DryRun


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

    from rich.console import Console

    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.training.base.processes import is_first_process
    from llmexam.workflows.train.pipeline import dry_run as try_recipe
    from llmexam.workflows.train.pipeline import train_recipe

    folder = out or Path("trainings") / recipe.stem
    changes = parse_settings(set_ or [])
    errors = Console(stderr=True)
    told: set[str] = set()

    def announce(name: str, n_done: int, n_all: int | None) -> None:
        # Lines, because the training draws a bar of its own below them.
        if n_done == 0 and name not in told and is_first_process():
            told.add(name)
            errors.print(f"- {name}", highlight=False, soft_wrap=True, markup=False)

    if dry_run:
        if not is_first_process():
            return
        found = try_recipe(recipe, folder, changes=changes, announce=announce)
        if as_json:
            typer.echo(json.dumps(found.as_dict(), indent=2))
        else:
            _print_dry_run(found, Console())
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
        _print_results(outcome.results, folder, Console())


def _print_results(results: dict[str, Any], folder: Path, console: Console) -> None:
    from llmexam.workflows.train.page import GRADE_HEADS, grade_rows

    rows = grade_rows(results)
    # Eighty columns hold the intervals only below their values, and the rest in lines of its own.
    n_columns = GRADE_HEADS.index("over")
    cells = [[cell.replace(" (", "\n").rstrip(")") for cell in row[:n_columns]] for row in rows]
    if rows:
        title = f"{results['title']}: {results['family']}, MAP@3"
        _print_table(title, GRADE_HEADS[:n_columns], cells, console)
    for row in rows:
        exam, over, random, longest = row[0], *row[n_columns:]
        gain = "" if over == "-" else f"gain over {over}; "
        _print_line(f"{exam}: {gain}random {random}, always the longest {longest}", console)
    for name, told in results["exams"].items():
        if over_runs := told["over_runs"]:
            _print_line(
                f"{name}, {len(told['runs'])} seeds: mean {over_runs['mean']:.4f}, standard "
                f"deviation {over_runs['standard_deviation']:.4f}; above: all together",
                console,
            )
    if "over_splits" in results:
        _print_splits(results, console)
    for finding in results["findings"]:
        _print_line(f"- {finding['message']}", console)
    _print_line(f"model, curves and grades: {folder}", console)


def _print_splits(results: dict[str, Any], console: Console) -> None:
    from llmexam.workflows.train.page import split_rows, splits_caption

    _print_line(splits_caption(results), console)
    for name in results["over_splits"]["exams"]:
        # What chooses the best step is no result.
        if name != "dev":
            heads, *rows = split_rows(results, name)
            _print_table(f"{name}: MAP@3 of each split", heads, rows, console)


def _print_table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], console: Console
) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_dry_run(found: DryRun, console: Console) -> None:
    from rich.table import Table

    estimate = found.estimate
    rows = {
        "questions of an epoch": f"{estimate.n_questions:,}",
        "tokens of an epoch": f"{estimate.n_tokens:,}",
        "steps": f"{estimate.n_steps:,}",
        "questions with cut evidence": f"{estimate.n_truncated:,}",
        "share of the evidence cut": f"{estimate.share_cut:.1%}",
        **({"predicted time": _duration(estimate.seconds)} if estimate.seconds is not None else {}),
        "predicted peak memory": f"{estimate.peak_mb:,.0f} MB",
        **estimate.details,
        "trainings": str(found.n_trainings),
        **{f"graded: {name}": f"{n:,} questions" for name, n in found.n_graded.items()},
    }
    table = Table(show_header=False)
    for label, text in rows.items():
        table.add_row(label, text)
    console.print(table)
    for finding in found.findings:
        _print_line(f"- {finding.message}", console)


def _print_line(text: str, console: Console) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    """Return a time in the units a person would use.

    >>> _duration(0.2), _duration(95), _duration(7260)
    ('under 1 s', '95 s', '2 h 1 min')
    """
    if seconds < 1:
        return "under 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
