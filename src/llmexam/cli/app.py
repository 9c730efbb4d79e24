"""The list of commands. Command files import nothing heavy, so that `--help` answers at once."""

from __future__ import annotations

import typer

from llmexam.cli.audit import audit
from llmexam.cli.compare import compare
from llmexam.cli.convert import convert
from llmexam.cli.doctor import doctor
from llmexam.cli.ensemble import ensemble
from llmexam.cli.evaluate import evaluate
from llmexam.cli.index import index
from llmexam.cli.run import run
from llmexam.cli.search import search
from llmexam.cli.solve import solve
from llmexam.cli.solvers import solvers

app = typer.Typer(
    name="llmexam",
    help="Take a language-model exam from a file of questions to a result one can defend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    run,
    audit,
    index,
    search,
    solve,
    ensemble,
    evaluate,
    compare,
    convert,
    solvers,
    doctor,
):
    app.command()(command)
