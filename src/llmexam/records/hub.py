"""Results for model repositories on the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

import yaml

from llmexam.errors import SettingsError
from llmexam.evaluation.results import MetricResult
from llmexam.records.result import RecordedResult


def to_eval_results(
    result: RecordedResult, *, metric: str | None = None, task_id: str = "default", scale: float = 1
) -> str:
    """Return the content of a file in `.eval_results/` of a model repository.

    Args:
        result: The result; its dataset must be one of the Hub.
        metric: Name of the metric; the primary one by default.
        task_id: Id of the task in the `eval.yaml` of the dataset.
        scale: What the value is multiplied by: 100 for percentages.

    Raises:
        SettingsError: The dataset is not one of the Hub, or there is no such metric.
    """
    if not result.is_hub_dataset:
        raise SettingsError(
            "the Hub needs the name of a dataset",
            field="--hub-dataset",
            hint="Give it, such as --hub-dataset Idavidrein/gpqa",
        )
    chosen = result.evaluation.metric(metric) if metric else result.evaluation.primary
    dataset = {"id": result.dataset, "task_id": task_id}
    if result.revision:
        dataset["revision"] = result.revision
    entry: dict[str, Any] = {
        "dataset": dataset,
        "value": chosen.estimate.value * scale,
        "date": result.when.date().isoformat(),
    }
    if result.url:
        entry["source"] = {"url": result.url, "name": "llmexam"}
    entry["notes"] = _notes(result, chosen, scale)
    return _yaml([entry])


def to_model_index(result: RecordedResult) -> str:
    """Return the `model-index` of a model card: the metadata between its `---` lines."""
    evaluation = result.evaluation
    dataset = {"name": result.dataset.rpartition("/")[2], "type": result.dataset}
    if result.split:
        dataset["split"] = result.split
    if result.revision:
        dataset["revision"] = result.revision
    found: dict[str, Any] = {
        "task": {"type": "multiple-choice" if evaluation.choice else "text-generation"},
        "dataset": dataset,
        "metrics": [
            {
                "type": metric.name,
                "value": metric.estimate.value,
                "name": metric.label,
                "args": {
                    "n": evaluation.n_items,
                    "level": evaluation.level,
                    "low": metric.estimate.low,
                    "high": metric.estimate.high,
                },
            }
            for metric in evaluation.metrics
        ],
    }
    if result.url:
        found["source"] = {"name": "llmexam", "url": result.url}
    return _yaml({"model-index": [{"name": result.model, "results": [found]}]})


def _notes(result: RecordedResult, metric: MetricResult, scale: float) -> str:
    evaluation, estimate = result.evaluation, metric.estimate
    return (
        f"{metric.label}, {evaluation.level:.0%} interval {estimate.low * scale:.4f} to "
        f"{estimate.high * scale:.4f} ({result.interval_method}), {evaluation.n_items} items, exam "
        f"SHA-256 {evaluation.exam_hash[:12]}"
    )


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
