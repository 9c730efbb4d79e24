"""The pipeline of a run: from a plan to a report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from llmexam.errors import RunError
from llmexam.evaluation.detectable import with_measured_correlation
from llmexam.evaluation.results import RunMetrics
from llmexam.exam.exam import Exam
from llmexam.report.content import Items, Result, RunContent, TimeLimit
from llmexam.report.html import write_report
from llmexam.settings.walk import resolve_references
from llmexam.stages.local import PARTS, SHARDS, LocalExecutor
from llmexam.stages.progress_file import PROGRESS_FILE, progress_file
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.stage import Announce, Executor
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.hashing import hash_file
from llmexam.storage.locking import lock_folder
from llmexam.storage.temporary import is_temporary
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.tasks.task import Task
from llmexam.workflows.own_files import delete_recorded, has_stage_records, refuse_links
from llmexam.workflows.provenance import describe_run
from llmexam.workflows.run.plan import as_plan

AnyTask = Task[Any, Any, Any]

MARK = "stages"
"""Made first in the folder of a run; a folder with other things in it is not taken for one."""
TRAINING_MARK = "training_run.json"
"""What a folder holds that is a training's."""
RUN_FILE = "run.json"
"""What a folder holds that is a run's."""
LIMIT_FILE = "time_limit.json"
"""What a run with a time limit has done so far."""
_RESULTS = (
    "audit.json",
    "evidence.jsonl",
    "plan.yaml",
    "metrics.json",
    "submission.csv",
    "report.html",
)
_OWN = (".lock", RUN_FILE, LIMIT_FILE, PROGRESS_FILE, *_RESULTS, MARK, SHARDS, "index")


def run_plan(
    plan: str | Path | Mapping[str, Any] | RunPlan,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
    cluster: Cluster | None = None,
) -> RunContent:
    """Run a plan without a time limit, whatever it says of one.

    Arguments, result and errors are those of `start.run`.
    """
    checked = as_plan(plan, changes)
    path = Path(folder)
    open_run_folder(checked, path)
    with lock_folder(path):
        (path / MARK).mkdir(exist_ok=True)
        with progress_file(path, announce) as told:
            stages = LocalExecutor(path, overwrite=overwrite, announce=told, cluster=cluster)
            return execute(checked, path, stages, command)


def open_run_folder(plan: RunPlan, folder: Path) -> None:
    """Check that a folder is new, empty or of a run, before the run locks it.

    Raises:
        RunError: The folder holds something other than a run, or a result in it is a link.
    """
    own = (*_OWN, *task_of(plan.task).folders)
    _require_run_folder(folder, own)
    refuse_links(folder, own)


def execute(
    plan: RunPlan,
    folder: Path,
    stages: Executor,
    command: str,
    *,
    asked: RunPlan | None = None,
    limit: TimeLimit | None = None,
) -> RunContent:
    """Run all steps of a plan in a folder that is locked, and write all results.

    Args:
        plan: The plan.
        folder: The run folder.
        stages: Runs the stages.
        command: The command that asked for this, for the report.
        asked: The plan to write into the folder, where time left only a part of it; by default
            the same.
        limit: What a time limit left out; None for a run without one. With one, the submission is
            there already, and only the main process replaces it.
    """
    task = task_of(plan.task)
    read = stages.time("read the exam", lambda: task.read(plan))
    task.check(plan, read)
    findings = task.audit(plan, read, stages)
    prepared = task.prepare(plan, read, stages, folder)
    items = prepared.items
    answered = task.answer(plan, items, stages, folder)
    final, results = stages.time(
        "combine", lambda: task.combine(plan, items, answered, stages, folder)
    )
    comparisons = stages.time("compare", lambda: task.compare(plan, items, final, results))
    if limit is None:
        task.write_submission(plan, items, final, folder / "submission.csv")
    content = task.content(
        title=plan.title or Path(plan.exam.path).stem,
        exam=items,
        final=final,
        solvers=tuple(results),
        comparisons=comparisons,
        audit=(*prepared.findings, *findings),
        stages=tuple(stages.records),
        command=command,
        seed=plan.seed,
        provenance={**describe_run(items), **prepared.sources, **_usages(results)},
        files=_files(folder, final, task),
        folder=str(folder),
        task=plan.task,
        noun=task.noun,
        limit=limit,
    )
    # With the results, so that a run that failed leaves the plan of those that are there.
    write_text(folder / "plan.yaml", _as_yaml(asked or plan))
    # A time limit leaves out solvers of the plan whose results may be there for another start.
    _drop_others(folder, content, task, [one.name for one in (asked or plan).solvers])
    if limit is None:
        # Everything is done, so nothing is left to resume.
        (folder / LIMIT_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder / MARK / PARTS, ignore_errors=True)
    _write_metrics(folder / "metrics.json", content)
    stages.time(
        "write the report", lambda: write_report(folder / "report.html", content, task.sections)
    )
    write_json(folder / RUN_FILE, _record(content, stages, folder, task))
    return content


def _usages(results: Sequence[Result]) -> dict[str, str]:
    return {f"usage of {one.name}": one.usage for one in results if one.usage}


def _drop_others(folder: Path, content: RunContent, task: AnyTask, planned: Sequence[str]) -> None:
    """Delete what an earlier plan of the run left that this one does not give.

    Args:
        folder: The run folder.
        content: The results.
        task: The task.
        planned: The solvers of the plan.
    """
    names = {*planned, *(result.name for result in (*content.solvers, content.final))}

    def is_left_over(name: str) -> bool:
        place, _, file = name.partition("/")
        if place in task.folders:
            return Path(file).stem not in names
        # An exam without answers has no grades.
        return name == "metrics.json" and content.final.evaluation is None

    delete_recorded(folder, is_left_over)


def _require_run_folder(path: Path, own: Sequence[str]) -> None:
    if path.exists() and not path.is_dir():
        raise RunError(
            "expected a folder, got a file", file=path, hint="Choose a folder for the run"
        )
    if path.is_dir():
        names = {entry.name for entry in path.iterdir() if not is_temporary(entry)} - {".lock"}
        # A run that was stopped early has no records yet, but nothing of others either.
        is_run = RUN_FILE in names or has_stage_records(path) or names <= set(own)
        # A training finds evidence by the same stages, and keeps scores in the same place.
        if names and (MARK not in names or TRAINING_MARK in names or not is_run):
            raise RunError(
                "the folder contains files that are not of a run",
                file=path,
                hint="Choose an empty or a new folder",
            )


def _as_yaml(plan: RunPlan) -> str:
    # The copy is in another folder, so relative paths would lead elsewhere.
    placed = resolve_references(plan, Path.cwd())
    values = placed.model_dump(mode="json")
    head = "# The plan of this run with all defaults filled in: llmexam run plan.yaml\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _files(folder: Path, final: Result, task: AnyTask) -> dict[str, str]:
    answers = task.folders[0]
    names = {"report": "report.html", "submission": "submission.csv", answers: answers}
    if final.evaluation is not None:
        names["metrics"] = "metrics.json"
    return {label: str(folder / name) for label, name in names.items()}


def _write_metrics(path: Path, content: RunContent) -> None:
    """Write all grades; an exam without answers has none."""
    if content.final.evaluation is None:
        return
    metrics = RunMetrics(
        final=with_measured_correlation(content.final.evaluation, content.comparisons),
        solvers={result.name: result.metrics for result in content.solvers},
        comparisons=content.comparisons,
        command=content.command,
        seed=content.seed,
        exam_hash=content.exam.content_hash,
    )
    write_json(path, metrics.model_dump(mode="json"))


def _record(content: RunContent, stages: Executor, folder: Path, task: AnyTask) -> dict[str, Any]:
    # Other files in the folder, such as scores of an earlier plan, are none of this run's.
    solvers = {result.name for result in (*content.solvers, content.final)}
    left_out = {"metrics.json"} if content.final.evaluation is None else set()
    results = [
        *(name for name in _RESULTS if name not in left_out and (folder / name).is_file()),
        *(
            path.relative_to(folder).as_posix()
            for path in (folder / task.folders[0]).iterdir()
            if path.stem in solvers and path.is_file() and not is_temporary(path)
        ),
    ]
    return {
        "command": content.command,
        "seed": content.seed,
        "provenance": content.provenance,
        "exam": {
            "source": content.exam.source,
            "format": content.exam.format,
            "source_hash": content.exam.source_hash,
            "content_hash": content.exam.content_hash,
            "n_questions": len(content.exam),
            **_reading_of(content.exam),
        },
        "stages": [
            {
                "name": record.name,
                "seconds": round(record.seconds, 4),
                "peak_mb": round(record.peak_mb, 1),
                "cached": record.cached,
            }
            for record in stages.records
        ],
        "files": {name: hash_file(folder / name) for name in sorted(results)},
        **({} if content.limit is None else {"time_limit": asdict(content.limit)}),
    }


def _reading_of(exam: Items) -> dict[str, Any]:
    """Return what a person should know about how the exam file was read."""
    if not isinstance(exam, Exam):
        return {}
    return {"n_skipped": exam.n_skipped, "notes": list(exam.notes)}
