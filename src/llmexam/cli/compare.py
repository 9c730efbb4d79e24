"""`llmexam compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llmexam.cli.options import ExamFormat

_PREDICTION = "A submission (CSV: id,prediction) or a score file (Parquet)."


def compare(
    exam: Annotated[
        Path,
        typer.Argument(
            help="Exam file with answers, or `bundled` for the sample exam.", show_default=False
        ),
    ],
    a: Annotated[Path, typer.Argument(help=_PREDICTION, show_default=False)],
    b: Annotated[
        Path, typer.Argument(help="Submission or score file to compare with.", show_default=False)
    ],
    k: Annotated[
        int,
        typer.Option(
            "--k",
            min=1,
            max=26,
            help="How many top-ranked options count: the k of MAP@k and accuracy@k.",
        ),
    ] = 3,
    format: ExamFormat = None,
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
    """Compare two predictions with a paired test.

    Reports the difference with a paired bootstrap interval, and the p value of a paired
    permutation test: the probability of a difference this large if neither is better.

    Example: llmexam compare exam.csv lexical.parquet submission.csv
    """
    from llmexam.workflows.compare import compare as compare_predictions

    result = compare_predictions(
        exam, a, b, format=format, k=k, n_resamples=resamples, seed=seed, level=level
    )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        return
    from llmexam.cli.console import plain_console
    from llmexam.report.grade_tables import comparison_summary
    from llmexam.report.terminal_parts import show

    show(plain_console(), comparison_summary(result))
