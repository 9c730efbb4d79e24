"""`llmexam author`: its commands."""

from __future__ import annotations

import typer

from llmexam.cli.author_label import agreement, label
from llmexam.cli.author_report import report
from llmexam.cli.author_write import write

author = typer.Typer(
    name="author",
    help="Write multiple-choice questions from passages, check them, label them and report on "
    "them.",
    no_args_is_help=True,
)

author.command("write")(write)
author.command("label")(label)
author.command("agreement")(agreement)
author.command("report")(report)
