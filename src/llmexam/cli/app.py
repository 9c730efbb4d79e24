"""The list of commands. Command modules import nothing heavy, so that `--help` is fast."""

from __future__ import annotations

from typing import Annotated

import typer

from llmexam import __version__
from llmexam.cli.audit import audit
from llmexam.cli.author import author
from llmexam.cli.collect import collect
from llmexam.cli.compare import compare
from llmexam.cli.convert import convert
from llmexam.cli.doctor import doctor
from llmexam.cli.ensemble import ensemble
from llmexam.cli.estimate import estimate
from llmexam.cli.evaluate import evaluate
from llmexam.cli.export import export
from llmexam.cli.export_results import export_results
from llmexam.cli.index import index
from llmexam.cli.pack import pack
from llmexam.cli.reading_notes import show_reading_notes
from llmexam.cli.recover import recover
from llmexam.cli.run import run
from llmexam.cli.search import search
from llmexam.cli.serve import serve
from llmexam.cli.solve import solve
from llmexam.cli.solvers import solvers
from llmexam.cli.train import train
from llmexam.errors import SettingsError

app = typer.Typer(
    name="llmexam",
    help="Evaluate language models and other solvers on multiple-choice and prompt-recovery "
    "exams, with reproducible results and confidence intervals.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"llmexam {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Evaluate language models and other solvers on multiple-choice and prompt-recovery exams.

    Results are reproducible and have confidence intervals.
    """
    show_reading_notes()


for command in (
    run,
    estimate,
    train,
    audit,
    index,
    search,
    solve,
    ensemble,
    evaluate,
    compare,
    convert,
    export,
    export_results,
    serve,
    pack,
    solvers,
    doctor,
):
    app.command()(command)
app.add_typer(collect)
app.add_typer(author)
app.add_typer(recover)


@app.command(
    "plan",
    hidden=True,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def _plan() -> None:
    """Name the command that replaced this one."""
    raise SettingsError(
        "`llmexam plan` was renamed to `llmexam estimate`",
        hint="See: llmexam estimate --help",
    )
