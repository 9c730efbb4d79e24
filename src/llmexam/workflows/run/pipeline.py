"""Take an exam from a plan to a report: the whole pipeline in one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from llmexam.errors import RunError
from llmexam.evaluation.alignment import require_answers
from llmexam.evaluation.results import RunMetrics, SolverMetrics
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.submission import write_submission
from llmexam.report.content import ReportContent, SolverResult
from llmexam.report.html import write_report
from llmexam.settings.walk import resolve_references
from llmexam.solvers.registry import create_solver
from llmexam.stages.local import LocalExecutor
from llmexam.stages.stage import Announce, Executor, Keyed, Stage, StageContext
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.hashing import hash_file
from llmexam.storage.locking import lock_folder
from llmexam.workflows.audit import audit_exam
from llmexam.workflows.evaluate import load_prediction
from llmexam.workflows.evidence.gather import gather_evidence, missing_evidence, require_evidence
from llmexam.workflows.evidence.same_evidence import check_evidence
from llmexam.workflows.own_files import delete_recorded, has_stage_records, refuse_links
from llmexam.workflows.provenance import describe_run
from llmexam.workflows.run.finish import compare_with, finish
from llmexam.workflows.run.judge import judge_all
from llmexam.workflows.run.plan import Plan, read_plan

_AUDIT = "audit.json"
_FINDINGS = TypeAdapter(tuple[Finding, ...])
# Made first in the folder of a run; a folder with other things in it is not taken for one.
_MARK = "stages"
TRAINING_MARK = "training_run.json"
"""What a folder holds that is a training's."""
RUN_FILE = "run.json"
"""What a folder holds that is a run's."""
_RESULTS = (
    "audit.json",
    "evidence.jsonl",
    "plan.yaml",
    "metrics.json",
    "submission.csv",
    "report.html",
)
_SOLVER_PLACES = ("scores", "explanations", "positions")
_OWN = (".lock", RUN_FILE, *_RESULTS, *_SOLVER_PLACES, _MARK, "index")


def run_plan(
    plan: str | Path | Plan,
    folder: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    fresh: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
) -> ReportContent:
    """Run a plan and write everything into one folder.

    The folder gets `plan.yaml` (with all defaults filled in), `scores/<solver>.parquet`,
    `metrics.json` (if the exam has answers), `submission.csv`, `report.html` and `run.json`.

    Args:
        plan: A plan, the path of one, or `demo`.
        folder: The run folder. An earlier run's results in it are used where they still fit.
        changes: Keys of the plan to change, nested; only where a path is given.
        fresh: Use nothing of an earlier run.
        command: The command that asked for this, for the report.
        announce: Called with the name of each stage as it begins and goes on: see `LocalExecutor`.

    Returns:
        What the report shows.

    Raises:
        SettingsError: The plan is wrong.
        RunError: The folder is in use, holds something other than a run, or a result in it is a
            link.
        LlmExamError: Whatever a stage finds wrong with its input.
    """
    checked = plan if isinstance(plan, Plan) else read_plan(plan, changes or {})
    path = Path(folder)
    _require_run_folder(path)
    refuse_links(path, _OWN)
    with lock_folder(path):
        (path / _MARK).mkdir(exist_ok=True)
        stages = LocalExecutor(path, fresh=fresh, announce=announce)
        return _run(checked, path, stages, command)


def _run(plan: Plan, folder: Path, stages: Executor, command: str) -> ReportContent:
    exam = stages.time("read the exam", lambda: read_exam(plan.exam.file, format=plan.exam.format))
    if plan.ensemble.is_fitted and plan.combines:
        # Known now, and the solvers may work for hours.
        require_answers(exam)
    for other in plan.evaluation.compare:
        # A file that cannot be compared with should show before the work, not after it.
        load_prediction(other, exam)
    require_evidence(plan.evidence)
    made = [(one.name, create_solver(one.solver, one.settings)) for one in plan.solvers]
    check_evidence(made, plan.evidence, exam)
    findings = _audit(plan, exam, stages)
    asked, sources = gather_evidence(plan.evidence, exam, stages, folder)
    findings = (*missing_evidence(asked, [s.solver for s in plan.solvers]), *findings)
    members = judge_all(plan, asked, stages, folder)
    final, members = stages.time("combine", lambda: finish(plan, asked, members, folder))
    if plan.combines:
        stages.record("combine", [f"scores/{final.name}.parquet"])
    comparisons = stages.time("compare", lambda: compare_with(plan, asked, final, members))
    write_submission(folder / "submission.csv", final.scores, k=plan.evaluation.k)
    content = ReportContent(
        title=plan.title or Path(plan.exam.path).stem,
        exam=asked,
        final=final,
        solvers=tuple(members),
        comparisons=comparisons,
        audit=findings,
        stages=tuple(stages.records),
        command=command,
        seed=plan.seed,
        provenance={**describe_run(asked), **sources, **_usages(members)},
        files=_files(folder, final),
        folder=str(folder),
    )
    # With the results, so that a run that failed leaves the plan of those that are there.
    write_text(folder / "plan.yaml", _as_yaml(plan))
    _drop_others(folder, content)
    _write_metrics(folder / "metrics.json", content)
    stages.time("write the report", lambda: write_report(folder / "report.html", content))
    write_json(folder / RUN_FILE, _record(content, stages, folder))
    return content


def _audit(plan: Plan, exam: Exam, stages: Executor) -> tuple[Finding, ...]:
    against = {path: hash_file(path) for path in plan.audit_against}
    return stages.run(
        Stage(
            name="audit",
            function=_audit_exam,
            load=_load_audit,
            inputs={
                "exam": exam,
                "against": Keyed(plan.audit_against, list(against.values())),
                "seed": plan.seed,
            },
            outputs=[_AUDIT],
            code=[audit_exam.__module__],
        )
    )


def _audit_exam(
    context: StageContext, *, exam: Exam, against: Sequence[str], seed: int
) -> tuple[Finding, ...]:
    found = audit_exam(exam, against=against, seed=seed).findings
    write_text(context.folder / _AUDIT, _FINDINGS.dump_json(found, indent=2).decode("utf-8"))
    return found


def _load_audit(context: StageContext, **inputs: object) -> tuple[Finding, ...]:
    return _FINDINGS.validate_json((context.folder / _AUDIT).read_bytes())


def _usages(members: Sequence[SolverResult]) -> dict[str, str]:
    return {f"usage of {member.name}": member.usage for member in members if member.usage}


def _drop_others(folder: Path, content: ReportContent) -> None:
    """Delete what an earlier plan of the run left that this one does not give."""
    names = {result.name for result in (*content.solvers, content.final)}

    def is_left_over(name: str) -> bool:
        place, _, file = name.partition("/")
        if place in _SOLVER_PLACES:
            return Path(file).stem not in names
        # An exam without answers has no grades.
        return name == "metrics.json" and content.final.evaluation is None

    delete_recorded(folder, is_left_over)


def _require_run_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise RunError("this is a file", file=path, hint="Choose a folder for the run")
    if path.is_dir():
        names = {entry.name for entry in path.iterdir()} - {".lock"}
        # A run that was stopped early has no records yet, but nothing of others either.
        is_run = RUN_FILE in names or has_stage_records(path) or names <= set(_OWN)
        # A training finds evidence by the same stages, and keeps scores in the same place.
        if names and (_MARK not in names or TRAINING_MARK in names or not is_run):
            raise RunError(
                "this folder holds something other than a run",
                file=path,
                hint="Choose an empty or a new folder",
            )


def _as_yaml(plan: Plan) -> str:
    # The copy is in another folder, so relative paths would lead elsewhere.
    placed = resolve_references(plan, Path.cwd())
    values = placed.model_dump(mode="json")
    head = "# The plan of this run with all defaults filled in: llmexam run plan.yaml\n"
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _files(folder: Path, final: SolverResult) -> dict[str, str]:
    names = {"report": "report.html", "submission": "submission.csv", "scores": "scores"}
    if final.evaluation is not None:
        names["metrics"] = "metrics.json"
    return {label: str(folder / name) for label, name in names.items()}


def _write_metrics(path: Path, content: ReportContent) -> None:
    """Write all grades; an exam without answers has none."""
    if content.final.evaluation is None:
        return
    metrics = RunMetrics(
        final=content.final.evaluation,
        solvers={
            member.name: SolverMetrics(
                weight=member.weight,
                gain=member.gain,
                evaluation=member.evaluation,
                position=member.position,
            )
            for member in content.solvers
        },
        comparisons=content.comparisons,
        command=content.command,
        seed=content.seed,
        exam_hash=content.exam.content_hash,
    )
    write_json(path, metrics.model_dump(mode="json"))


def _record(content: ReportContent, stages: Executor, folder: Path) -> dict[str, Any]:
    # Other files in the folder, such as scores of an earlier plan, are none of this run's.
    solvers = {result.name for result in (*content.solvers, content.final)}
    left_out = {"metrics.json"} if content.final.evaluation is None else set()
    results = [
        *(name for name in _RESULTS if name not in left_out and (folder / name).is_file()),
        *(f"scores/{name}.parquet" for name in solvers),
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
    }
