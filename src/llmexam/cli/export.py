"""`llmexam export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[
        str, typer.Argument(help="Folder of a model that was trained.", show_default=False)
    ],
    to: Annotated[
        str,
        typer.Option("--to", help="What shall run it: onnx-int8 or openvino.", metavar="NAME"),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; a new one.")],
    n_questions: Annotated[
        int,
        typer.Option(
            "--n-questions", min=1, help="Questions of the sample exam to compare both on."
        ),
    ] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Write a trained cross-encoder or multiple-choice reader for a fast run on a CPU.

    The folder is used as `model` of the same solver. Both models score questions of the sample
    exam, and what differs is shown.

    Example: llmexam export runs/reader --to onnx-int8 --out runs/reader-int8
    """
    from llmexam.workflows.export import export_model

    result = export_model(model, out, to=to, n_questions=n_questions)
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
        return
    typer.echo(f"{result.folder}: {result.backend}")
    rows = (
        (
            "largest difference",
            f"{result.largest_difference:.4f} (scores spread by {result.spread:.4f})",
        ),
        ("same option first", f"{result.same_first:.1%} of {result.n_questions} questions"),
        ("same first three", f"{result.same_top3:.1%}"),
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
            f"({result.seconds_source / result.seconds_export:.2f} times as fast)",
        ),
    )
    for label, value in rows:
        typer.echo(f"  {label}: {value}")
