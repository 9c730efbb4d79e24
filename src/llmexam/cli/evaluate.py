"""`llmexam evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexam.cli.options import (
    ClusterBy,
    ExamFormat,
    GradingEmbedder,
    GradingK,
    LoggedValues,
    SecondEmbedder,
    SliceBy,
    TaskName,
)
from llmexam.cli.reading_options import reads_exam
from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from llmexam.evaluation.results import Evaluation
    from llmexam.exam.parsers.options import ReadOptions


@reads_exam()
def evaluate(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam with answers: file, folder or pattern, or `bundled` for the sample exam. "
            "Without a prediction: a log of another harness, which is graded by its own questions "
            "and answers.",
            show_default=False,
        ),
    ],
    prediction: Annotated[
        Path | None,
        typer.Argument(
            help="Submission (CSV: id,prediction or id,rewrite_prompt), score file (Parquet), the "
            "folder of a run, or a log of lm-evaluation-harness, inspect_ai, HELM or an OpenAI "
            "batch.",
            show_default=False,
        ),
    ] = None,
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
    slice_by: SliceBy = None,
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
    logged_values: LoggedValues = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    reading: ReadOptions,
) -> None:
    """Grade a submission or a score file: metrics with confidence intervals and baselines.

    Intervals are bootstrap intervals over questions, or over clusters of questions, such as those
    of one source article. For a score file, calibration is reported as well, with a softmax
    temperature fitted out of fold.

    Prompts of rewritten texts (prompt recovery) are graded by sharpened cosine and other metrics;
    their intervals resample whole groups of near-equal prompts.

    Logs of other harnesses are graded in the same way. For tasks other than multiple choice, the
    metrics that the harness logged for each question are used.

    Example: llmexam evaluate exam.csv submission.csv

    Example: llmexam evaluate rewrites.csv submission.csv --check

    Example: llmexam evaluate samples_arc_easy_2026-01-01T10-00-00.000000.jsonl
    """
    from llmexam.exam.parsers.options import ExamSource
    from llmexam.workflows.evaluate import check_submission
    from llmexam.workflows.evaluate import evaluate as evaluate_prediction

    source = ExamSource(exam, reading)
    options: dict[str, Any] = {
        "name": name,
        "k": k,
        "n_resamples": resamples,
        "seed": seed,
        "level": level,
        "cluster_by": cluster_by,
        "slice_by": slice_by,
    }
    if prediction is None:
        result = _evaluate_log(exam, logged_values, options)
    elif logged_values:
        raise SettingsError(
            "logged values need no exam", field="--logged-values", hint=f"Leave out {exam}"
        )
    elif check:
        n_predictions = check_submission(source, prediction, task=task, k=k)
        unit = "prediction" if n_predictions == 1 else "predictions"
        typer.echo(f"{prediction}: {n_predictions} {unit}, valid submission")
        return
    else:
        result = evaluate_prediction(
            source,
            prediction,
            task=task,
            embedder=embedder,
            second_embedder=second_embedder,
            **options,
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


def _evaluate_log(path: Path, logged_values: bool, options: dict[str, Any]) -> Evaluation:
    from llmexam.harness.reading import is_log
    from llmexam.workflows.harness_logs import evaluate_log

    if not is_log(path):
        raise SettingsError(
            "expected a prediction to grade",
            file=path,
            hint="Give a submission, a score file or the folder of a run after the exam. Without "
            "one, the file must be a log of another harness",
        )
    return evaluate_log(path, logged_values=logged_values, **options)
