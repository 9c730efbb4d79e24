"""One run or training in a list: what its small files say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import orjson
import yaml

from llmexam.report.paths import without_folders
from llmexam.stages.progress_file import Progress, read_progress
from llmexam.storage.hashing import hash_json
from llmexam.tasks.prompt_recovery.plan import OFFICIAL_EMBEDDER
from llmexam.tasks.registry import DEFAULT_TASK

RUN, TRAINING = "run.json", "training_run.json"
_METRICS, _PLAN, _RESULTS, _RECIPE = "metrics.json", "plan.yaml", "results.json", "recipe.yaml"
FILES = (RUN, TRAINING, _METRICS, _PLAN, _RESULTS, "progress.json")
"""What an entry is made of."""

# A larger file is not one that llmexam wrote.
_MOST_BYTES = 64_000_000
_MOST_LINES = 1000
_HEAD_KEYS = ("title:", "task:", "exam:", "evaluation:")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

State = Literal["finished", "running", "stopped", "failed"]


@dataclass(frozen=True)
class Score:
    """A value with its interval.

    Attributes:
        name: Whose it is: the final result, or an exam of a training.
        value: The value of the metric.
        low: Lower end of the interval.
        high: Upper end.
        baselines: Values of baselines that ignore the question, by name.
        n_items: Items that were graded.
        exam_hash: Hash of them with their evidence.
    """

    name: str
    value: float
    low: float
    high: float
    baselines: Mapping[str, float]
    n_items: int
    exam_hash: str


@dataclass(frozen=True)
class Entry:
    """A run or a training.

    Attributes:
        id: Its path in the workspace.
        kind: "run" or "training".
        state: Whether it is finished, goes on, was stopped, or failed.
        title: Its title.
        task: Its task, or the family of a training.
        exam: Name of the exam's file.
        exam_hash: Hash of what is asked: only runs with the same one are ranked together.
        n_items: Items of the exam, or items that were trained on.
        metric: Label of the primary metric; empty without grades.
        embedder: The embedder of that metric, with its precision where it is not fp32; empty for
            metrics that use none.
        higher_is_better: Whether a higher value of it is better.
        level: Level of the intervals.
        scores: The final score of a run, or that of each exam of a training.
        solvers: Names of the solvers.
        date: When it was finished, as `run.json` has it.
        seconds: Time of its stages; those that were cached take none.
        cost: What it used beside time, such as money; empty if nothing.
        seed: Its seed.
        progress: How far it is, where it is not finished.
        problem: Why it cannot be read; empty if it can.
    """

    id: str
    kind: Literal["run", "training"]
    state: State
    title: str
    task: str = ""
    exam: str = ""
    exam_hash: str = ""
    n_items: int = 0
    metric: str = ""
    embedder: str = ""
    higher_is_better: bool = True
    level: float = 0.95
    scores: tuple[Score, ...] = ()
    solvers: tuple[str, ...] = ()
    date: str = ""
    seconds: float = 0.0
    cost: str = ""
    seed: int | None = None
    progress: Progress | None = None
    problem: str = ""
    tags: tuple[str, ...] = field(default=())


def read_entry(folder: Path, id: str) -> Entry:
    """Return what the files of a run or training say; whatever is wrong in them is its problem."""
    progress = _shareable(folder, read_progress(folder))
    try:
        if (folder / TRAINING).is_file():
            return _training(folder, id, progress)
        return _run(folder, id, progress)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Entry(
            id,
            "training" if (folder / TRAINING).is_file() else "run",
            "failed",
            folder.name,
            problem=f"its files cannot be read: {type(error).__name__}",
        )


def _shareable(folder: Path, progress: Progress | None) -> Progress | None:
    """Return a progress whose texts have no paths of this machine, as pages may be shared."""
    if progress is None:
        return None
    stage, problem = (
        without_folders(text, str(folder)) for text in (progress.stage, progress.problem)
    )
    return replace(progress, stage=stage, problem=problem)


def read_values(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a JSON object, or too large.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} is too large")
    found = orjson.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no object")
    return found


def plan_head(path: Path) -> dict[str, Any]:
    """Return title, task and exam of a plan, without reading the rest, which takes longer.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a plan as a run writes it.
    """
    blocks: list[list[str]] = []
    is_wanted, n_lines = False, 0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line[:1] not in (" ", "-", "#", "\n"):
                is_wanted = line.startswith(_HEAD_KEYS)
                blocks += [[]] if is_wanted else []
            if is_wanted:
                blocks[-1].append(line)
                n_lines += 1
            if n_lines > _MOST_LINES:
                raise ValueError(f"{path.name} is too long")
    head: dict[str, Any] = {}
    for block in blocks:
        head.update(_parse_block("".join(block)))
    return head


@lru_cache(maxsize=4096)
def _parse_block(text: str) -> Mapping[str, Any]:
    """Return a key of a plan with its value; most runs of a workspace have the same exam.

    Raises:
        ValueError: It is not YAML, or no mapping.
    """
    try:
        found = yaml.load(text, _YAML)
    except yaml.YAMLError:
        raise ValueError("the plan is no YAML") from None
    if not isinstance(found, dict):
        raise ValueError("the plan is no mapping")
    return found


def exam_hash(source_hash: str, plan: Mapping[str, Any]) -> str:
    """Return the hash of what is asked: the exam's file, and which rows of it are read how."""
    exam = plan.get("exam")
    reading = {
        name: value
        for name, value in (exam.items() if isinstance(exam, dict) else ())
        if name not in ("path", "files", "format")
    }
    return hash_json([source_hash, reading])


def _embedder(task: str, plan: Mapping[str, Any]) -> str:
    """Return the embedder that a run was graded with: its name alone where it is fp32."""
    if task != "prompt-recovery":
        return ""
    planned = plan.get("evaluation")
    values = planned if isinstance(planned, dict) else {}
    name = str(values.get("embedder") or OFFICIAL_EMBEDDER)
    precision = str(values.get("precision") or "fp32")
    return name if precision == "fp32" else f"{name}, {precision}"


def _run(folder: Path, id: str, progress: Progress | None) -> Entry:
    state: State = "finished" if progress is None else progress.state()
    if not (folder / RUN).is_file():
        state = "stopped" if progress is None else state
        return Entry(id, "run", state, folder.name, progress=progress)
    record, plan = read_values(folder / RUN), plan_head(folder / _PLAN)
    exam = record["exam"]
    metrics = read_values(folder / _METRICS) if (folder / _METRICS).is_file() else None
    final = metrics["final"] if metrics else None
    primary = final["metrics"][0] if final else None
    task = str(plan.get("task") or DEFAULT_TASK)
    provenance = record["provenance"]
    usages = [
        f"{name.removeprefix('usage of ')}: {text}"
        for name, text in provenance.items()
        if name.startswith("usage of ")
    ]
    return Entry(
        id,
        "run",
        state,
        str(plan.get("title") or "") or Path(exam["source"]).stem,
        task=task,
        exam=Path(str(exam["source"])).name,
        exam_hash=exam_hash(exam["source_hash"] or exam["content_hash"], plan),
        n_items=int(exam["n_questions"]),
        metric=primary["label"] if primary else "",
        embedder=_embedder(task, plan) if primary else "",
        higher_is_better=primary["higher_is_better"] if primary else True,
        level=final["level"] if final else 0.95,
        scores=(_score(final["name"], primary, final["n_items"], final["exam_hash"]),)
        if final and primary
        else (),
        solvers=_solvers(record, metrics),
        date=str(provenance.get("date", "")),
        seconds=sum(float(one["seconds"]) for one in record["stages"]),
        cost="; ".join(usages),
        seed=record.get("seed"),
        progress=progress,
    )


def _solvers(record: Mapping[str, Any], metrics: Mapping[str, Any] | None) -> tuple[str, ...]:
    if metrics is not None:
        return tuple(metrics["solvers"])
    names = (Path(name) for name in record["files"])
    return tuple(path.stem for path in names if path.parent.name in ("scores", "answers"))


def _score(name: str, metric: Mapping[str, Any], n_items: int, exam_hash: str) -> Score:
    estimate = metric["estimate"]
    return Score(
        name,
        float(estimate["value"]),
        float(estimate["low"]),
        float(estimate["high"]),
        _references(metric),
        int(n_items),
        exam_hash,
    )


def _references(metric: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of baselines, and of chance where it is known."""
    found = {str(name): float(value) for name, value in metric.get("baselines", {}).items()}
    chance = metric.get("chance")
    return {**({} if chance is None else {"random": float(chance)}), **found}


def _training(folder: Path, id: str, progress: Progress | None) -> Entry:
    state: State = "finished" if progress is None else progress.state()
    if not (folder / _RESULTS).is_file():
        state = "stopped" if progress is None else state
        return Entry(id, "training", state, folder.name, progress=progress)
    results = read_values(folder / _RESULTS)
    exams = results.get("exams", {})
    scores, told = [], None
    for name, one in exams.items():
        after = one.get("after") if isinstance(one, dict) else None
        if after and after.get("metrics"):
            told = after["metrics"][0]
            scores.append(_score(name, told, one["n_questions"], one["exam_hash"]))
    fold = results.get("out_of_fold")
    if fold and fold.get("metrics"):
        told = fold["metrics"][0]
        scores.append(_score("out of fold", told, fold["n_items"], ""))
    metric = told or results["metric"]
    return Entry(
        id,
        "training",
        state,
        str(results.get("title") or folder.name),
        task=str(results["family"]),
        exam=", ".join(exams),
        exam_hash=scores[0].exam_hash if len(scores) == 1 else "",
        n_items=int(results["n_train"]),
        metric=str(metric["label"]),
        higher_is_better=bool(metric["higher_is_better"]),
        scores=tuple(scores),
        date=str(results["provenance"].get("date", "")),
        seconds=float(results.get("seconds") or 0.0),
        progress=progress,
    )
