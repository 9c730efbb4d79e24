"""`llmexam compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PREDICTION = "A submission (CSV: id,prediction) or a score file (Parquet)."


def compare(
    exam: Annotated[
        Path,
        typer.Argument(
            help="File with the questions and answers, or `bundled`.", show_default=False
        ),
    ],
    a: Annotated[Path, typer.Argument(help=_PREDICTION, show_default=False)],
    b: Annotated[Path, typer.Argument(help="Another, of either kind.", show_default=False)],
    k: Annotated[
        int,
        typer.Option(
            "--k", min=1, max=26, help="How many of the first options count: the k of MAP@k."
        ),
    ] = 3,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Form of the exam file; found out if not given."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the resampling.")] = 0,
    resamples: Annotated[
        int,
        typer.Option(
            "--resamples", min=100, max=1_000_000, help="Bootstrap resamples and sign flips."
        ),
    ] = 10_000,
    level: Annotated[
        float, typer.Option("--level", min=0.5, max=0.999, help="Level of the intervals.")
    ] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Compare two predictions question by question.

    The difference has a paired bootstrap interval and the p value of a paired permutation test:
    how often a difference this large comes about if neither is better.

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
