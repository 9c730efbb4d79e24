"""`llmexam plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    exam: Annotated[str, typer.Argument(help="The exam's file, or `bundled` for the sample.")],
    solver: Annotated[
        str, typer.Option(help="Who would answer: see `llmexam solvers`.")
    ] = "causal-lm",
    model: Annotated[
        str | None,
        typer.Option(help="Its model: a folder, a Hugging Face name, or what a server calls it."),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="What the exam may take, such as 9h or 1h30m.")
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(min=1, help="Plan for so many questions of this kind, not for the file's."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the solver: --set precision=bf16. Repeatable."),
    ] = None,
    index: Annotated[
        list[Path] | None,
        typer.Option(help="Find evidence in this index. Several are fused by rank."),
    ] = None,
    index_model: Annotated[
        str | None,
        typer.Option(help="Bi-encoder of a dense index that was built with a model of the hub."),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Passages a question gets.")] = 4,
    first: Annotated[
        str, typer.Option(help="The solver that would answer everything first in a cascade.")
    ] = "lexical",
    sample: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Questions to time, or requests to send. Give two sizes. [default: 4, 16]"
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=0.99, help="Part of the limit to leave free.")
    ] = 0.1,
    format: Annotated[
        str | None, typer.Option(help="Format of the exam; found out where it is not given.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Predict time, memory and cost of a solver on an exam, from a few questions of it.

    A served model is sent some requests, which may cost money; their answers are kept for the
    run. The exit code is 1 if it does not fit.

    Example: llmexam plan exam.csv --model my-llama --questions 4000 --limit 9h
    """
    from llmexam.cli.options import parse_settings
    from llmexam.workflows.estimate.predict import estimate_file

    settings = parse_settings(set_ or [])
    found = estimate_file(
        exam,
        settings if model is None else {**settings, "model": model},
        solver=solver,
        format=format,
        indexes=tuple(index or ()),
        index_model=index_model,
        k=k,
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
        from llmexam.workflows.estimate.text import describe

        typer.echo(describe(found))
    if not (found.fits and found.fits_memory):
        raise typer.Exit(1)
