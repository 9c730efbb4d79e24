"""`llmexam evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    exam: Annotated[
        Path,
        typer.Argument(
            help="File with the questions and answers, or `bundled`.", show_default=False
        ),
    ],
    prediction: Annotated[
        Path,
        typer.Argument(
            help="A submission (CSV: id,prediction) or a score file (Parquet).", show_default=False
        ),
    ],
    k: Annotated[
        int,
        typer.Option(
            "--k", min=1, max=26, help="How many of the first options count: the k of MAP@k."
        ),
    ] = 3,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the prediction; its file's name.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Form of the exam file; found out if not given."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the resampling and the folds.")
    ] = 0,
    resamples: Annotated[
        int,
        typer.Option(
            "--resamples", min=100, max=1_000_000, help="Bootstrap resamples of each interval."
        ),
    ] = 10_000,
    level: Annotated[
        float, typer.Option("--level", min=0.5, max=0.999, help="Level of the intervals.")
    ] = 0.95,
    slices: Annotated[
        bool, typer.Option("--slices/--no-slices", help="Show the score on parts of the exam.")
    ] = True,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only check that any grader would take the submission; needs no answers.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Grade a submission or scores: metrics with intervals, baselines and weaknesses.

    Intervals are from a bootstrap over questions. A score file also gets its calibration: how
    far its probabilities can be trusted, each with a temperature fitted without its question.

    Example: llmexam evaluate exam.csv submission.csv
    """
    from llmexam.workflows.evaluate import check_submission
    from llmexam.workflows.evaluate import evaluate as evaluate_prediction

    if check:
        n_predictions = check_submission(exam, prediction, format=format, k=k)
        typer.echo(f"{prediction}: {n_predictions} predictions, as any grader takes them")
        return
    result = evaluate_prediction(
        exam,
        prediction,
        name=name,
        format=format,
        k=k,
        n_resamples=resamples,
        seed=seed,
        level=level,
    )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.grade_tables import evaluation_summary
    from llmexam.report.terminal_parts import show

    show(plain_console(), evaluation_summary(result, slices=slices))
