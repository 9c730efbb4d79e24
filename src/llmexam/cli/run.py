"""`llmexam run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from llmexam.cli.options import ClusterOption, ClusterSet, SliceBy


def run(
    plan: Annotated[
        str,
        typer.Argument(
            help="Plan file (YAML), or `demo` or `recovery-demo` for the bundled samples."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output folder of the run. Defaults to runs/NAME, with the name of the plan file."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of the plan: --set evidence.k=10. Repeatable."),
    ] = None,
    slice_by: SliceBy = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Compute all stages again, instead of using cached results."
        ),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", hidden=True, help="Old name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Run a plan: retrieve evidence, score with all solvers, combine, grade, and write a report.

    The output folder contains scores, metrics, submission and report. An interrupted run resumes.
    If a setting changes, only the stages that depend on it are computed again.

    Example: llmexam run plan.yaml --out runs/first
    """
    import shlex

    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import stage_progress
    from llmexam.report.terminal import print_report
    from llmexam.tasks.registry import task_of
    from llmexam.workflows.run.pipeline import run_plan

    overwrite = overwrite or fresh
    changes = parse_settings(set_ or [])
    if slice_by is not None:
        evaluation = changes.get("evaluation")
        known = evaluation if isinstance(evaluation, dict) else {}
        changes["evaluation"] = {**known, "slice_by": slice_by}
    folder = out or Path("runs") / Path(plan).stem
    errors = plain_console(stderr=True)
    with (
        telling_of_interrupts(goes_on(overwrite=overwrite)),
        chosen_cluster(cluster, cluster_set) as where,
        stage_progress(errors) as announce,
    ):
        result = run_plan(
            plan,
            folder,
            changes=changes,
            overwrite=overwrite,
            command=shlex.join(["llmexam", *sys.argv[1:]]),
            announce=announce,
            cluster=where,
        )
    if as_json:
        metrics = folder / "metrics.json"
        typer.echo(metrics.read_text(encoding="utf-8") if metrics.exists() else "null", nl=False)
    else:
        print_report(result, plain_console(), task_of(result.task).sections)
