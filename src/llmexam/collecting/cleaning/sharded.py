"""Clean parts of a corpus by workers of a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmexam.collecting.cleaning.passes import Pass, clean_part, split_into_passes
from llmexam.collecting.cleaning.plan import CleaningPlan, parse_plan
from llmexam.collecting.corpus_files import Columns
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Shard, Work


class ClusterCleaner:
    """Cleans the parts of a pass by workers, as `passes.run_passes` asks.

    Args:
        plan: The steps.
        folder: The folder of the passes.
        keeps_dropped: Whether dropped documents are written.
        cluster: What cleans the parts.
    """

    def __init__(
        self, plan: CleaningPlan, folder: Path, *, keeps_dropped: bool, cluster: Cluster
    ) -> None:
        self._plan = plan
        self._folder = folder.absolute()
        self._keeps_dropped = keeps_dropped
        self._cluster = cluster

    def __call__(self, one: Pass, sources: Iterable[tuple[int, Columns | Path]]) -> Iterator[None]:
        """Clean parts, and yield once for each that is complete."""
        plan = self._plan
        values = {
            "plan": {
                "steps": [
                    {name: step.model_dump(mode="json")}
                    for name, step in zip(plan.names, plan.steps, strict=True)
                ],
                "columns": list(plan.columns),
                "documents_per_file": plan.documents_per_file,
            },
            "folder": str(self._folder),
            "keeps_dropped": self._keeps_dropped,
            "index": one.index,
        }
        job = Job(
            f"cleaning, pass {one.index + 1}",
            f"{__name__}:open_cleaning",
            values,
            self._folder / f"shards-{one.index}",
            modules=sorted({type(step).__module__ for step in plan.steps}),
            unit="parts",
        )

        def shards() -> Iterator[Shard]:
            for part, source in sources:
                found = str(source.absolute()) if isinstance(source, Path) else source
                content = json.dumps(found).encode("ascii")
                yield Shard(part, part + 1, 1, content, one.record_file(part))

        for _ in self._cluster.map(job, shards()):
            yield


def open_cleaning(values: Mapping[str, Any]) -> Work:
    """Return a function that cleans one part."""
    plan = parse_plan(values["plan"])
    passes = split_into_passes(plan, Path(values["folder"]), keeps_dropped=values["keeps_dropped"])
    one = passes[values["index"]]

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        source = json.loads(content)
        clean_part(one, int(output.stem), Path(source) if isinstance(source, str) else source)
        return {}

    return work
