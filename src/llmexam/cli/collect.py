"""`llmexam collect`: collect and clean the texts of a corpus."""

from __future__ import annotations

import typer

from llmexam.cli.collect_apis import arxiv, mediawiki, openalex
from llmexam.cli.collect_clean import clean
from llmexam.cli.collect_wikipedia import wikipedia

collect = typer.Typer(
    name="collect",
    help="Collect texts from Wikipedia dumps and web APIs, with their licence and source, and "
    "clean a corpus.",
    no_args_is_help=True,
)

for command in (wikipedia, mediawiki, arxiv, openalex, clean):
    collect.command(command.__name__)(command)
