"""`llmexam collect`: texts for a corpus."""

from __future__ import annotations

import typer

from llmexam.cli.collect_apis import arxiv, mediawiki, openalex

collect = typer.Typer(
    name="collect",
    help="Collect texts for a corpus, with their licence and source.",
    no_args_is_help=True,
)

for command in (mediawiki, arxiv, openalex):
    collect.command(command.__name__)(command)
