"""`llmexam evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from llmexam.evaluation.results import ChoiceDiagnostics, Estimate, Evaluation


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

    _show(result, plain_console(), slices)


def _show(result: Evaluation, console: Console, slices: bool) -> None:
    from rich.text import Text

    console.print(Text(f"{result.name}: {result.n_items} questions", style="bold"))
    console.print(_scores(result))
    choice, primary = result.choice, result.primary
    if choice:
        console.print(_letters(choice))
    if slices and result.slices:
        console.print(_slices(result))
    if choice and choice.calibration:
        found = choice.calibration
        console.print(
            f"Calibration: temperature {found.temperature:.4g}; out of fold, expected calibration "
            f"error {found.ece:.4f} and Brier score {found.brier:.4f}",
            soft_wrap=True,
        )
    if result.n_truncated:
        console.print(f"Evidence was cut for {result.n_truncated} questions", soft_wrap=True)
    console.print(
        f"Smallest difference in {primary.label} that {result.n_items} questions can be "
        f"expected to show: {primary.minimum_detectable_difference:.4f}",
        soft_wrap=True,
    )


def _scores(result: Evaluation) -> Table:
    from rich.table import Table

    table = Table("", "score", f"{result.level:.1%} interval")
    for metric in result.metrics:
        table.add_row(metric.label, f"{metric.estimate.value:.4f}", _interval(metric.estimate))
    table.add_section()
    for name, value in result.primary.references.items():
        table.add_row(f"{result.primary.label} of {name}", f"{value:.4f}", "")
    return table


def _letters(result: ChoiceDiagnostics) -> Table:
    from rich.table import Table

    table = Table("place", "answers", "first choices", "recall")
    for row in result.letters:
        recall = "-" if row.recall is None else f"{row.recall:.4f}"
        table.add_row(row.letter, str(row.n_answers), str(row.n_chosen), recall)
    return table


def _slices(result: Evaluation) -> Table:
    from rich.table import Table

    table = Table("slice", "", "questions", result.primary.label, "interval")
    previous = ""
    for part in result.slices:
        if previous and part.by != previous:
            table.add_section()
        table.add_row(
            part.by if part.by != previous else "",
            part.value,
            str(part.n),
            f"{part.estimate.value:.4f}",
            _interval(part.estimate),
        )
        previous = part.by
    return table


def _interval(estimate: Estimate) -> str:
    return f"{estimate.low:.4f} to {estimate.high:.4f}"
