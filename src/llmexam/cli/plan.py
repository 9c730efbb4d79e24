"""`llmexam plan`."""

from __future__ import annotations

from typing import Annotated

import typer


def plan(
    exam: Annotated[str, typer.Argument(help="The exam's file, or `bundled` for the sample.")],
    model: Annotated[str, typer.Option(help="A decoder: a folder or a Hugging Face name.")],
    limit: Annotated[
        str | None, typer.Option(help="What the exam may take, such as 9h or 1h30m.")
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(min=1, help="Plan for so many questions of this kind, not for the file's."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of solver causal-lm: --set precision=bf16."),
    ] = None,
    first: Annotated[
        str, typer.Option(help="The solver that answers everything first in a cascade.")
    ] = "lexical",
    sample: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Questions to time. Give two sizes. [default: 4, 16]"),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=0.99, help="Part of the limit to leave free.")
    ] = 0.1,
    format: Annotated[
        str | None, typer.Option(help="Format of the exam; found out where it is not given.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Predict time and memory of a decoder on an exam, from a few questions timed here.

    The exit code is 1 if it does not fit.

    Example: llmexam plan exam.csv --model my-llama --questions 4000 --limit 9h
    """
    from llmexam.cli.options import parse_settings
    from llmexam.workflows.estimate import estimate_file

    found = estimate_file(
        exam,
        {**parse_settings(set_ or []), "model": model},
        format=format,
        limit=limit,
        n_questions=questions,
        first=first,
        samples=tuple(sample or (4, 16)),
        margin=margin,
    )
    if json:
        from json import dumps

        typer.echo(dumps(found.to_json(), indent=2))
    else:
        from llmexam.workflows.estimate import describe

        typer.echo(describe(found, first))
    if not (found.fits and found.fits_memory):
        raise typer.Exit(1)
