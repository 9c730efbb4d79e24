"""`llmexam run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmexam.cli.options import ClusterOption, ClusterSet, SliceBy

if TYPE_CHECKING:
    from llmexam.tasks.plan import RunPlan
    from llmexam.workflows.run.limit.run import LimitedRun


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
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="Time limit of this start, such as 9h or 1h30m. A valid submission is written "
            "as soon as the exam has been read, and improved until the time is over; what was "
            "left out is reported."
        ),
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(
            help="Folder of an earlier run on an exam with answers: with a time limit, solvers run "
            "in the order of expected gain per second, computed from that run."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", hidden=True, help="Old name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
    cluster: ClusterOption = None,
    cluster_set: ClusterSet = None,
) -> None:
    """Run a plan: retrieve evidence, score with all solvers, combine, grade, and write a report.

    The output folder contains scores, metrics, submission and report. An interrupted run resumes.
    If a setting changes, only the stages that depend on it are computed again. With a time limit,
    the exit code is 1 if a solver or another step failed; the other solvers are in the result.

    Example: llmexam run plan.yaml --out runs/first
    """
    import shlex

    from llmexam.cli.clusters import chosen_cluster
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.options import parse_settings
    from llmexam.cli.progress import stage_progress
    from llmexam.errors import SettingsError
    from llmexam.report.terminal import print_report
    from llmexam.tasks.registry import task_of
    from llmexam.workflows.run.pipeline import run_plan
    from llmexam.workflows.run.plan import read_plan

    overwrite = overwrite or fresh
    changes = parse_settings(set_ or [])
    if slice_by is not None:
        evaluation = changes.get("evaluation")
        known = evaluation if isinstance(evaluation, dict) else {}
        changes["evaluation"] = {**known, "slice_by": slice_by}
    if values is not None:
        changes["values"] = str(values.absolute())
    checked = read_plan(plan, changes)
    seconds = checked.time_limit if time_limit is None else time_limit
    if values is not None and seconds is None:
        raise SettingsError(
            "--values orders the solvers of a run with a time limit, and there is none",
            field="values",
            hint="Give --time-limit, too",
        )
    folder = out or Path("runs") / Path(plan).stem
    command = shlex.join(["llmexam", *sys.argv[1:]])
    if seconds is not None:
        from llmexam.workflows.run.limit.run import require_one_machine

        require_one_machine(cluster)
        found = _run_within(checked, folder, seconds, overwrite=overwrite, command=command)
        result, has_failed = found.content, bool(found.failures)
    else:
        with (
            telling_of_interrupts(goes_on(overwrite=overwrite)),
            chosen_cluster(cluster, cluster_set) as where,
            stage_progress(plain_console(stderr=True)) as announce,
        ):
            result = run_plan(
                checked,
                folder,
                overwrite=overwrite,
                command=command,
                announce=announce,
                cluster=where,
            )
        has_failed = False
    if as_json:
        metrics = folder / "metrics.json"
        is_there = result is not None and metrics.exists()
        typer.echo(metrics.read_text(encoding="utf-8") if is_there else "null", nl=False)
    elif result is not None:
        print_report(result, plain_console(), task_of(result.task).sections)
    if has_failed:
        raise typer.Exit(1)


def _run_within(
    plan: RunPlan, folder: Path, seconds: str, *, overwrite: bool, command: str
) -> LimitedRun:
    """Run a plan within a time limit, and print what was left out if there is no report."""
    from llmexam.cli.console import plain_console
    from llmexam.cli.interrupts import goes_on, telling_of_interrupts
    from llmexam.cli.progress import stage_progress
    from llmexam.report.sections.time_limit import limit_lines, view_of
    from llmexam.settings.durations import parse_duration
    from llmexam.workflows.run.limit.run import run_within

    limit = parse_duration(seconds)
    errors = plain_console(stderr=True)
    kept = f"submission.csv has the best result so far; {goes_on(overwrite=overwrite)}"
    interrupts = telling_of_interrupts(kept, terminated=True)
    with interrupts, stage_progress(errors) as announce:
        found = run_within(
            plan,
            folder,
            limit,
            overwrite=overwrite,
            command=command,
            announce=announce,
            note=lambda text: errors.print(text, soft_wrap=True),
        )
    if found.content is None:
        plain_console().print(limit_lines(view_of(found.limit)))
    return found
