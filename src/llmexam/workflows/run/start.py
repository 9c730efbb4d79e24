"""Run a plan, with or without a time limit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.report.content import RunContent
from llmexam.settings.durations import parse_duration
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.stage import Announce
from llmexam.tasks.plan import RunPlan
from llmexam.workflows.run.limit.run import require_one_machine, run_within
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.run.plan import as_plan


def run(
    plan: str | Path | Mapping[str, Any] | RunPlan,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
    time_limit: str | None = None,
    cluster: Cluster | None = None,
) -> RunContent:
    """Run a plan and write all results to one folder.

    The folder gets `plan.yaml` (with all defaults filled in), `scores/<solver>.parquet`,
    `metrics.json` (if the exam has answers), `submission.csv`, `report.html` and `run.json`.

    With a time limit, solvers run in another process. A script that sets one must start below
    `if __name__ == "__main__"`.

    Args:
        plan: A plan, its YAML file, its keys and values, or `demo`. Relative paths start at the
            folder of the file, those of a mapping at the working directory.
        folder: The run folder. An earlier run's results in it are used where they still fit.
        changes: Keys of the plan to change, nested; only where a file is given.
        overwrite: Compute all stages again instead of using the cached ones.
        command: The command that asked for this, for the report.
        announce: Called with the name of each stage as it begins and goes on: see `LocalExecutor`.
        time_limit: Time limit such as `9h`; by default that of the plan, if it has one.
            `submission.csv` is valid at every moment after the exam was read, and `limit` of the
            result says what was left out.
        cluster: What computes shards of the items, without a time limit; the results are those
            without it.

    Returns:
        What the report shows.

    Raises:
        SettingsError: The plan is wrong, the time limit is, or a cluster is given with one.
        RunError: The folder is in use, holds something other than a run, or a result in it is a
            link; or no report was written within the time limit.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    checked = as_plan(plan, changes)
    limit = time_limit or checked.time_limit
    if limit is None:
        return run_plan(
            checked,
            folder,
            overwrite=overwrite,
            command=command,
            announce=announce,
            cluster=cluster,
        )
    require_one_machine(cluster)
    found = run_within(
        checked,
        Path(folder),
        parse_duration(limit),
        overwrite=overwrite,
        command=command,
        announce=announce,
    )
    if found.content is None:
        raise RunError(
            "no report was written within the time limit; submission.csv is complete",
            file=folder,
            hint="Give more time: the same call resumes",
        )
    return found.content
