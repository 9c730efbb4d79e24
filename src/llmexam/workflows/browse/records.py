"""The content of a run's report, read again from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from llmexam.errors import RunError
from llmexam.evaluation.results import Evaluation, RunMetrics, SolverMetrics
from llmexam.exam.audit import Finding
from llmexam.report.content import RunContent
from llmexam.stages.record import StageRecord
from llmexam.tasks.registry import task_of
from llmexam.workflows.browse.entry import RUN, plan_head, read_values

_FINDINGS = TypeAdapter(tuple[Finding, ...])
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class RecordedItems:
    """Items of a run without their texts: see `report.content.Items`."""

    source: str
    format: str
    source_hash: str
    content_hash: str
    n_items: int

    def __len__(self) -> int:
        return self.n_items


@dataclass(frozen=True)
class RecordedResult:
    """Result of a solver without its answers: see `report.content.Result`."""

    name: str
    evaluation: Evaluation | None
    usage: str
    metrics: SolverMetrics


@dataclass(frozen=True)
class Recorded:
    """What the small files of a finished run say.

    Attributes:
        folder: Its folder.
        task: Its task.
        plan: Title, task and exam of its plan.
        metrics: Its grades; None where the exam has no answers.
        content: The report, with results and items that have no texts.
        reading: What `run.json` says about the exam.
    """

    folder: Path
    task: str
    plan: Mapping[str, Any]
    metrics: RunMetrics | None
    content: RunContent
    reading: Mapping[str, Any]


def read_record(folder: Path) -> Recorded:
    """Return what the small files of a finished run say.

    Raises:
        RunError: It is not finished, or a file of it is damaged or of another version.
    """
    if not (folder / RUN).is_file():
        raise RunError(
            "the run is not finished", file=folder, hint="Its results can be seen when it is"
        )
    try:
        return _read(folder)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(
            f"metrics.json is of another version or damaged: {where}: {first['msg']}", file=folder
        ) from None
    except _DAMAGED as error:
        raise RunError(
            f"a file of the run is damaged ({type(error).__name__})", file=folder
        ) from None


def _read(folder: Path) -> Recorded:
    record, plan = read_values(folder / RUN), plan_head(folder / "plan.yaml")
    path = folder / "metrics.json"
    # orjson reads NaN as an error, as the writer does.
    metrics = RunMetrics.model_validate(read_values(path)) if path.is_file() else None
    name = str(plan.get("task") or "multiple-choice")
    exam, provenance = record["exam"], dict(record["provenance"])
    items = RecordedItems(
        exam["source"],
        exam["format"],
        exam["source_hash"],
        exam["content_hash"],
        int(exam["n_questions"]),
    )
    results = _results(record, metrics, provenance)
    final = _final(metrics, results)
    names = {"report": "report.html", "submission": "submission.csv", "metrics": "metrics.json"}
    content = RunContent(
        title=str(plan.get("title") or "") or Path(items.source).stem,
        exam=items,
        final=final,
        solvers=tuple(results.values()),
        comparisons=metrics.comparisons if metrics else (),
        audit=_audit(folder),
        stages=tuple(StageRecord(**one) for one in record["stages"]),
        command=record["command"],
        seed=int(record["seed"]),
        provenance=provenance,
        files={label: name for label, name in names.items() if (folder / name).is_file()},
        folder=str(folder),
        task=name,
        noun=task_of(name).noun,
    )
    return Recorded(folder, name, plan, metrics, content, exam)


def _results(
    record: Mapping[str, Any], metrics: RunMetrics | None, provenance: Mapping[str, str]
) -> dict[str, RecordedResult]:
    none = SolverMetrics(weight=None, gain=None, evaluation=None, position=None)
    if metrics is not None:
        known = dict(metrics.solvers)
    else:
        files = (Path(name) for name in record["files"])
        known = {
            path.stem: none
            for path in files
            if len(path.parts) == 2 and path.suffix in (".parquet", ".json")
        }
    return {
        name: RecordedResult(name, own.evaluation, provenance.get(f"usage of {name}", ""), own)
        for name, own in known.items()
        if name != "ensemble" or len(known) == 1
    }


def _final(metrics: RunMetrics | None, results: Mapping[str, RecordedResult]) -> RecordedResult:
    if metrics is None:
        if len(results) == 1:
            return next(iter(results.values()))
        none = SolverMetrics(weight=None, gain=None, evaluation=None, position=None)
        return RecordedResult("ensemble", None, "", none)
    final = metrics.final
    if final.name in results:
        return results[final.name]
    own = SolverMetrics(weight=None, gain=None, evaluation=final, position=None)
    return RecordedResult(final.name, final, "", own)


def _audit(folder: Path) -> tuple[Finding, ...]:
    try:
        return _FINDINGS.validate_json((folder / "audit.json").read_bytes())
    except (OSError, ValidationError):
        return ()
