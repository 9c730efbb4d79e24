"""`llmexam compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmexam.cli.options import (
    ExamFormat,
    Fields,
    GradingEmbedder,
    GradingK,
    SecondEmbedder,
    TaskName,
)
from llmexam.errors import SettingsError

_PREDICTION = (
    "A submission (CSV: id,prediction or id,rewrite_prompt), a score file (Parquet), or the folder "
    "of a run."
)


def compare(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam file with answers, or `bundled` for the sample exam. Leave it out to "
            "compare the folders of two runs.",
            show_default=False,
        ),
    ],
    a: Annotated[Path, typer.Argument(help=_PREDICTION, show_default=False)],
    b: Annotated[
        Path | None,
        typer.Argument(help="What to compare with, of the same kinds.", show_default=False),
    ] = None,
    task: TaskName = None,
    k: GradingK = None,
    embedder: GradingEmbedder = None,
    second_embedder: SecondEmbedder = None,
    format: ExamFormat = None,
    field: Fields = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Random seed of the resampling.")] = 0,
    resamples: Annotated[
        int,
        typer.Option(
            "--resamples",
            min=100,
            max=1_000_000,
            help="Number of bootstrap resamples, and of random sign flips of the permutation test.",
        ),
    ] = 10_000,
    level: Annotated[
        float,
        typer.Option("--level", min=0.5, max=0.999, help="Confidence level of the intervals."),
    ] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two predictions, or two runs, with a paired test.

    Reports the difference in each metric with a paired bootstrap interval, and the p value of a
    paired permutation test: the probability of a difference this large if neither is better. For
    prompt recovery, groups of near-equal prompts are resampled as a whole.

    The folders of two runs are compared on the exam, and with the evaluation settings, of the
    first one.

    Example: llmexam compare exam.csv lexical.parquet submission.csv

    Example: llmexam compare rewrites.csv a.csv b.csv --embedder bundled

    Example: llmexam compare runs/first runs/second
    """
    from llmexam.cli.options import parse_fields

    if b is None:
        from llmexam.workflows.compare_runs import compare_runs

        if task is not None or format is not None or field:
            raise SettingsError(
                "the folders of two runs say what their exam is",
                hint="Remove --task, --format and --field, or name the exam",
            )
        result = compare_runs(
            exam,
            a,
            k=k,
            embedder=embedder,
            second_embedder=second_embedder,
            n_resamples=resamples,
            seed=seed,
            level=level,
        )
    else:
        from llmexam.workflows.compare import compare as compare_predictions

        result = compare_predictions(
            exam,
            a,
            b,
            task=task,
            format=format,
            fields=parse_fields(field or []),
            k=k,
            embedder=embedder,
            second_embedder=second_embedder,
            n_resamples=resamples,
            seed=seed,
            level=level,
        )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.grade_tables import comparison_summary
    from llmexam.report.terminal_parts import show

    show(plain_console(), comparison_summary(result))
