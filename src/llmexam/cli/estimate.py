"""`llmexam estimate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ExamArgument, ExamFormat, Indexes, IndexModel, TopK
from llmexam.cli.reading_options import reads_exam

if TYPE_CHECKING:
    from llmexam.exam.parsers.options import ReadOptions


@reads_exam(without=("limit", "sample"))
def estimate(
    exam: ExamArgument,
    solver: Annotated[
        str, typer.Option(help="Solver to use; `llmexam solvers` lists them.")
    ] = "causal-lm",
    model: Annotated[
        str | None,
        typer.Option(
            help="Model of the solver: a folder, a Hugging Face model name, or its name "
            "at the endpoint."
        ),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="Time limit of the exam, such as 9h or 1h30m.")
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Estimate for this number of similar questions, instead of the number in "
            "the file.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Set a setting of the solver: --set precision=bf16. Repeatable."
        ),
    ] = None,
    index: Indexes = None,
    index_model: IndexModel = None,
    k: TopK = 4,
    first: Annotated[
        str, typer.Option(help="First solver of a cascade, which scores all questions.")
    ] = "lexical",
    sample: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="Number of questions to time, or of requests to send. Give two sizes; "
            "the default is 4 and 16.",
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of the time limit to keep in reserve.")
    ] = 0.1,
    format: ExamFormat = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Estimate time, memory and cost of a solver on an exam, from a sample of its questions.

    For a served model, this sends a few requests, which may cost money; their answers are cached
    for the run. The exit code is 1 if the exam does not fit into the time limit or the memory.

    Example: llmexam estimate exam.csv --model my-llama --questions 4000 --limit 9h
    """
    from llmexam.cli.options import parse_settings
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.workflows.estimate.predict import estimate_file

    settings = parse_settings(set_ or [])
    found = estimate_file(
        ExamSource(exam, reading),
        settings if model is None else {**settings, "model": model},
        solver=solver,
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
        from llmexam.workflows.estimate.prediction import describe

        typer.echo(describe(found))
    if not (found.fits and found.fits_memory):
        raise typer.Exit(1)
