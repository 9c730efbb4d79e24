"""`llmexam evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmexam.cli.options import (
    ClusterBy,
    ExamFormat,
    Fields,
    GradingEmbedder,
    GradingK,
    SecondEmbedder,
    TaskName,
)


def evaluate(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam file with answers, or `bundled` for the sample exam.", show_default=False
        ),
    ],
    prediction: Annotated[
        Path,
        typer.Argument(
            help="Submission (CSV: id,prediction or id,rewrite_prompt), score file (Parquet), or "
            "the folder of a run.",
            show_default=False,
        ),
    ],
    task: TaskName = None,
    k: GradingK = None,
    embedder: GradingEmbedder = None,
    second_embedder: SecondEmbedder = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of the prediction in the output. Defaults to its file name."
        ),
    ] = None,
    format: ExamFormat = None,
    field: Fields = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Random seed of resampling and folds.")
    ] = 0,
    resamples: Annotated[
        int,
        typer.Option(
            "--resamples",
            min=100,
            max=1_000_000,
            help="Number of bootstrap resamples per interval.",
        ),
    ] = 10_000,
    level: Annotated[
        float,
        typer.Option("--level", min=0.5, max=0.999, help="Confidence level of the intervals."),
    ] = 0.95,
    cluster_by: ClusterBy = None,
    slices: Annotated[
        bool,
        typer.Option(
            "--slices/--no-slices",
            help="Show the metrics of subsets of the exam, such as long and short questions.",
        ),
    ] = True,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only validate the format of the submission; needs no answers.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Grade a submission or a score file: metrics with confidence intervals and baselines.

    Intervals are bootstrap intervals over questions, or over clusters of questions, such as those
    of one source article. For a score file, calibration is reported as
    well, with a softmax temperature fitted out of fold.

    Prompts of rewritten texts (prompt recovery) are graded by sharpened cosine and other metrics;
    their intervals resample whole groups of near-equal prompts.

    Example: llmexam evaluate exam.csv submission.csv

    Example: llmexam evaluate rewrites.csv submission.csv --check
    """
    from llmexam.cli.options import parse_fields
    from llmexam.workflows.evaluate import check_submission
    from llmexam.workflows.evaluate import evaluate as evaluate_prediction

    fields = parse_fields(field or [])
    if check:
        n_predictions = check_submission(
            exam, prediction, task=task, format=format, fields=fields, k=k
        )
        unit = "prediction" if n_predictions == 1 else "predictions"
        typer.echo(f"{prediction}: {n_predictions} {unit}, valid submission")
        return
    result = evaluate_prediction(
        exam,
        prediction,
        name=name,
        task=task,
        format=format,
        fields=fields,
        k=k,
        embedder=embedder,
        second_embedder=second_embedder,
        n_resamples=resamples,
        seed=seed,
        level=level,
        cluster_by=cluster_by,
    )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.grade_tables import evaluation_summary
    from llmexam.report.terminal_parts import show
    from llmexam.tasks.lookup import capabilities_of, task_of_exam

    noun = capabilities_of(task_of_exam(exam, task)).noun
    show(plain_console(), evaluation_summary(result, slices=slices, noun=noun))
