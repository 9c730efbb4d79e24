"""`llmexam export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(help="Folder of the trained model.", show_default=False)],
    to: Annotated[
        str,
        typer.Option("--to", help="Target runtime: onnx-int8 or openvino.", metavar="NAME"),
    ],
    out: Annotated[Path, typer.Option("--out", help="Output folder; must not exist.")],
    n_questions: Annotated[
        int,
        typer.Option(
            "--n-questions",
            min=1,
            help="Number of questions of the sample exam to compare both models on.",
        ),
    ] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export a trained cross-encoder or multiple-choice model for fast inference on a CPU.

    Use the output folder as `model` of the same solver. The command compares both models on
    questions of the sample exam.

    Example: llmexam export trainings/first/model --to onnx-int8 --out models/first-int8
    """
    from llmexam.workflows.export import export_model

    result = export_model(model, out, to=to, n_questions=n_questions)
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
        return
    typer.echo(f"{result.folder}: {result.backend}")
    rows = (
        (
            "largest score difference",
            f"{result.largest_difference:.4f} (spread of the scores {result.spread:.4f})",
        ),
        ("same first choice", f"{result.same_first:.1%} of {result.n_questions} questions"),
        ("same top 3", f"{result.same_top3:.1%}"),
        (
            f"{result.metric} on the sample",
            f"{result.value_source:.4f} -> {result.value_export:.4f}",
        ),
        (
            "size",
            f"{result.megabytes_source:.1f} MB -> {result.megabytes_export:.1f} MB",
        ),
        (
            "speed",
            f"{result.seconds_source:.2f} s -> {result.seconds_export:.2f} s "
            f"({result.seconds_source / result.seconds_export:.2f}x speed)",
        ),
    )
    for label, value in rows:
        typer.echo(f"  {label}: {value}")
