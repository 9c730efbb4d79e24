"""Records of the Every Eval Ever data store, schema version 0.2.1 (`eval.schema.json`)."""

from __future__ import annotations

import json
from typing import Any

from llmexam.evaluation.results import MetricResult
from llmexam.records.result import RecordedResult

SCHEMA_VERSION = "0.2.1"


def to_text(result: RecordedResult) -> str:
    """Return the record of one result as JSON: one entry for each metric."""
    timestamp = str(int(result.when.timestamp()))
    record = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{result.dataset}/{result.model}/{timestamp}",
        "dedupe_identity": {"content_hash": result.content_hash, "hash_algorithm": "sha256"},
        "evaluation_timestamp": result.when.isoformat(),
        "retrieved_timestamp": timestamp,
        "source_metadata": {
            "source_name": "llmexam",
            "source_type": "evaluation_run",
            "source_organization_name": result.organization or "unknown",
            "evaluator_relationship": result.relationship,
            **({"source_organization_url": result.url} if result.url else {}),
        },
        "eval_library": {
            "name": "llmexam",
            "version": result.version,
            "additional_details": dict(result.details),
        },
        "model_info": {"name": result.model, "id": result.model},
        "evaluation_results": [
            _entry(result, metric) for metric in result.evaluation.metrics if _has_bounds(metric)
        ],
    }
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def _has_bounds(metric: MetricResult) -> bool:
    # The schema wants both bounds of a continuous score.
    return None not in metric.bounds


def _entry(result: RecordedResult, metric: MetricResult) -> dict[str, Any]:
    evaluation, estimate = result.evaluation, metric.estimate
    low, high = metric.bounds
    facts = {f"baseline_{name}": repr(value) for name, value in metric.baselines.items()}
    if metric.chance is not None:
        facts["chance"] = repr(metric.chance)
    return {
        "evaluation_name": f"{result.dataset} {metric.label}",
        "source_data": _source(result),
        "metric_config": {
            "evaluation_description": metric.explanation,
            "lower_is_better": not metric.higher_is_better,
            "score_type": "continuous",
            "min_score": low,
            "max_score": high,
        },
        "score_details": {
            "score": estimate.value,
            "details": {"exam_hash": evaluation.exam_hash, "seed": str(evaluation.seed), **facts},
            "uncertainty": {
                "confidence_interval": {
                    "lower": estimate.low,
                    "upper": estimate.high,
                    "confidence_level": evaluation.level,
                    "method": result.interval_method,
                },
                "num_samples": evaluation.n_items,
                "num_bootstrap_samples": evaluation.n_resamples,
            },
        },
        **(
            {"generation_config": {"generation_args": {"execution_command": result.command}}}
            if result.command
            else {}
        ),
    }


def _source(result: RecordedResult) -> dict[str, Any]:
    facts = {"exam_hash": result.evaluation.exam_hash}
    if not result.is_hub_dataset:
        return {
            "dataset_name": result.dataset,
            "source_type": "other",
            "additional_details": facts,
        }
    if result.revision:
        facts["revision"] = result.revision
    return {
        "dataset_name": result.dataset.rpartition("/")[2],
        "source_type": "hf_dataset",
        "hf_repo": result.dataset,
        **({"hf_split": result.split} if result.split else {}),
        "samples_number": result.evaluation.n_items,
        "additional_details": facts,
    }
