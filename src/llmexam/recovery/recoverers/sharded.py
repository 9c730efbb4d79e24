"""Recover prompts in shards that workers of a cluster compute."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.recoverers.registry import recoverer_class
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.run_answers import read_written, write_answers
from llmexam.settings.walk import resolve_references
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Work
from llmexam.stages.versions import model_versions, origin_versions

SHARD_ROWS = 64


def why_not_in_shards(recoverer: Recoverer) -> str:
    """Return why a recoverer cannot work in shards, or an empty text if it can."""
    if recoverer.is_fitted:
        return "it learns from rows in one process"
    if isinstance(recoverer.settings, EndpointSettings):
        return "requests to endpoints are sent by one process, which keeps the budget"
    if recoverer.members:
        return "it uses other recoverers"
    return ""


def recover_in_shards(
    items: RewriteExam,
    name: str,
    recoverer: Recoverer,
    cluster: Cluster,
    folder: Path,
    progress: Progress = no_progress,
) -> list[Recovery]:
    """Return a recovery for each row, computed in shards.

    Args:
        items: The rows; prompts of them are not passed on.
        name: Name of the recoverer in the registry.
        recoverer: A recoverer for which `why_not_in_shards` gives no reason.
        cluster: What computes the shards.
        folder: Folder of the shards; those that an earlier call finished are used again.
        progress: Called with how many rows are done, and how many there are.

    Raises:
        RunError: A shard failed.
    """
    placed = resolve_references(recoverer.settings, Path.cwd())
    module = type(recoverer).__module__
    job = Job(
        f"prompts by {name}",
        f"{__name__}:open_recovering",
        {"recoverer": name, "settings": placed.model_dump(mode="json")},
        folder,
        depends_on=[recoverer.weights_hash, model_versions(), origin_versions(module)],
        modules=[module],
    )
    rows = items.without_prompts().rows
    outputs = cluster.map_rows(
        job, rows, size=SHARD_ROWS, pack=_pack, suffix=".json", progress=progress
    )
    return [recovery for output in outputs for recovery in read_written(output)[0]]


def open_recovering(values: Mapping[str, Any]) -> Work:
    """Return a function that recovers the prompts of a shard."""
    kind = recoverer_class(values["recoverer"])
    settings = kind.settings_class.parse(values["settings"], subject=values["recoverer"])
    recoverer = kind(settings)

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        rows = RewriteExam(tuple(Rewrite(**one) for one in json.loads(content)))
        write_answers(output, rows.ids, recoverer.recover(rows))
        return {"rows": len(rows)}

    return work


def _pack(rows: Sequence[Rewrite]) -> bytes:
    found = (asdict(replace(row, metadata=dict(row.metadata))) for row in rows)
    return json.dumps(list(found)).encode("ascii")
