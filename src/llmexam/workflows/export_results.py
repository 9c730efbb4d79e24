"""Write the results of a run in formats of other projects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmexam import __version__
from llmexam.errors import RunError, SettingsError, nearest
from llmexam.evaluation.results import Evaluation
from llmexam.records.every_eval_ever import to_text
from llmexam.records.hub import to_eval_results, to_model_index
from llmexam.records.result import RecordedResult
from llmexam.report.paths import command_without_folders, without_folders
from llmexam.storage.atomic import write_text
from llmexam.storage.hashing import hash_file
from llmexam.workflows.run.folder import file_in

FORMATS = ("every-eval-ever", "eval-results", "model-index")
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
_METRICS, _MANIFEST = "metrics.json", "run.json"


def export_results(
    source: str | Path,
    out: str | Path,
    *,
    to: str,
    model: str,
    hub_dataset: str = "",
    split: str = "",
    revision: str = "",
    organization: str = "",
    relationship: str = "other",
    url: str = "",
    solver: str | None = None,
    metric: str | None = None,
    task_id: str = "default",
    scale: float = 1.0,
    force: bool = False,
) -> RecordedResult:
    """Write a result as a record, and return what it says.

    Args:
        source: The folder of a run, or a file that `llmexam evaluate --json` printed.
        out: The file to write.
        to: `every-eval-ever`, `eval-results` or `model-index`.
        model: Name of the model or system.
        hub_dataset: Name of the exam's dataset on the Hugging Face Hub; empty if it is not there.
        split: Its split.
        revision: Its revision.
        organization: Who ran the evaluation.
        relationship: Relation of the evaluator to the model.
        url: Where traces or a description are.
        solver: A solver of the run instead of the final result.
        metric: The metric of `eval-results`; the primary one by default.
        task_id: The task of `eval-results`.
        scale: What the value of `eval-results` is multiplied by.
        force: Overwrite an existing file.

    Raises:
        RunError: The source has no metrics.
        SettingsError: A format, relationship, solver or metric is unknown.
    """
    if not model.strip():
        raise SettingsError("the name of the model is blank", field="--model")
    if Path(out).exists() and not force:
        raise RunError("the file exists", file=out, hint="Use --force to overwrite it")
    named = ((to, FORMATS, "--to"), (relationship, RELATIONSHIPS, "--relationship"))
    for value, known, field in named:
        if value not in known:
            raise SettingsError(f"unknown value '{value}'", field=field, hint=nearest(value, known))
    evaluation, facts, file = _read(Path(source), solver)
    result = RecordedResult(
        evaluation=evaluation,
        model=model,
        dataset=hub_dataset or facts.get("dataset", Path(source).stem),
        when=_date(facts.get("date", ""), file),
        command=facts.get("command", ""),
        content_hash=hash_file(file),
        version=__version__,
        is_hub_dataset=bool(hub_dataset),
        revision=revision,
        split=split,
        organization=organization,
        relationship=relationship,
        url=url,
        details={key: value for key, value in facts.items() if key not in ("command", "dataset")},
    )
    text = (
        to_text(result)
        if to == "every-eval-ever"
        else to_model_index(result)
        if to == "model-index"
        else to_eval_results(result, metric=metric, task_id=task_id, scale=scale)
    )
    write_text(Path(out), text)
    return result


def _read(source: Path, solver: str | None) -> tuple[Evaluation, dict[str, str], Path]:
    """Return the metrics, what is known of their making, and their file."""
    file = file_in(source, _METRICS) if source.is_dir() else source
    values = _json(file)
    if not source.is_dir():
        if solver is not None:
            raise SettingsError(
                "only the folder of a run has several solvers", file=file, field="--solver"
            )
        return _evaluation(values, file), {}, file
    manifest = _json(source / _MANIFEST) if (source / _MANIFEST).is_file() else {}
    solvers = values.get("solvers") or {}
    if solver is not None and solver not in solvers:
        raise SettingsError(
            f"the run has no solver '{solver}'", file=file, hint=nearest(solver, solvers)
        )
    chosen = values.get("final") if solver is None else solvers[solver].get("evaluation")
    provenance = manifest.get("provenance") or {}
    exam = str((manifest.get("exam") or {}).get("source", ""))
    facts = _shown({str(key): str(value) for key, value in provenance.items() if key != "exam"})
    facts["dataset"] = Path(exam).name or source.name
    # Records are published, so they must not show the user's folders.
    facts["command"] = command_without_folders(str(values.get("command", "")), str(source))
    return _evaluation(chosen, file), facts, file


def _shown(facts: Mapping[str, str]) -> dict[str, str]:
    """Return facts whose absolute paths are file names; equal names are numbered."""
    shown: dict[str, str] = {}
    for key, value in facts.items():
        name = base = without_folders(key)
        number = 1
        while name in shown:
            number += 1
            name = f"{base} ({number})"
        shown[name] = without_folders(value)
    return shown


def _evaluation(values: Any, file: Path) -> Evaluation:
    try:
        return Evaluation.model_validate(values)
    except ValidationError:
        raise RunError(
            "expected the metrics of an evaluation",
            file=file,
            hint="Give the folder of a run whose exam has answers, or the output of "
            "`llmexam evaluate --json`",
        ) from None


def _json(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise RunError("expected a file of metrics (JSON)", file=file) from None
    if not isinstance(found, dict):
        raise RunError("expected a file of metrics (JSON)", file=file)
    return found


def _date(text: str, file: Path) -> datetime:
    """Return the date of the run, or else of its file."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(microsecond=0)
