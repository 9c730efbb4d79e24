"""`llmexam export-results`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_results(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run, or a file with the output of `llmexam evaluate --json`.",
            show_default=False,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Output format: every-eval-ever, eval-results or model-index.",
            metavar="NAME",
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", help="Name of the model or system that was evaluated.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Output file.")],
    hub_dataset: Annotated[
        str,
        typer.Option(
            "--hub-dataset",
            help="Name of the exam's dataset on the Hugging Face Hub, such as cais/mmlu.",
            show_default=False,
        ),
    ] = "",
    split: Annotated[
        str, typer.Option("--split", help="Split of that dataset.", show_default=False)
    ] = "",
    revision: Annotated[
        str, typer.Option("--revision", help="Revision of that dataset.", show_default=False)
    ] = "",
    organization: Annotated[
        str,
        typer.Option("--organization", help="Who ran the evaluation.", show_default=False),
    ] = "",
    relationship: Annotated[
        str,
        typer.Option(
            "--relationship",
            help="Relation of the evaluator to the model: first_party, third_party, "
            "collaborative or other.",
        ),
    ] = "other",
    url: Annotated[
        str,
        typer.Option(
            "--url", help="Web address of traces or of a description.", show_default=False
        ),
    ] = "",
    solver: Annotated[
        str | None,
        typer.Option(
            "--solver",
            help="Export the result of this solver of the run. Default: the final result.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="For eval-results: the metric, such as accuracy. Default: the primary metric.",
            show_default=False,
        ),
    ] = None,
    task_id: Annotated[
        str,
        typer.Option("--task-id", help="For eval-results: the task in the dataset's eval.yaml."),
    ] = "default",
    scale: Annotated[
        float,
        typer.Option(
            "--scale",
            min=0.000001,
            max=1_000_000,
            help="For eval-results: factor of the value, such as 100 for percentages.",
        ),
    ] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Export the results of a run in a format of another project. Nothing is uploaded.

    every-eval-ever: a record with score, interval, method, baselines and hash of the exam.
    eval-results: a file for `.eval_results/` of a model repository on the Hugging Face Hub.
    model-index: the metadata of a model card.

    Example: llmexam export-results runs/first --to every-eval-ever --model org/name --out r.json
    """
    from llmexam.workflows.export_results import export_results as export

    result = export(
        source,
        out,
        to=to,
        model=model,
        hub_dataset=hub_dataset,
        split=split,
        revision=revision,
        organization=organization,
        relationship=relationship,
        url=url,
        solver=solver,
        metric=metric,
        task_id=task_id,
        scale=scale,
        force=force,
    )
    shown = result.evaluation.metric(metric) if metric else result.evaluation.primary
    value = f"{shown.label} {shown.estimate.value:.4f}"
    typer.echo(f"{out}: {result.model} on {result.dataset}, {value}")
