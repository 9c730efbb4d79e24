"""Build the parts of an index in shards that workers of a cluster compute."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.evidence.index.kinds import INDEX_KINDS
from llmexam.evidence.index.manifest import PartRecord, is_index
from llmexam.evidence.index.parts.part import PartJob, PartRunner, build_part, finished_part
from llmexam.evidence.index.parts.passages_files import PassagesFile
from llmexam.evidence.index.precision import require_precision
from llmexam.lm.encoding.embedding import Embedder, load_embedder
from llmexam.lm.models.loading import BUNDLED, resolve_model
from llmexam.settings.walk import resolve_model_name
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import PATIENCE_SECONDS, delete_shards
from llmexam.stages.sharding.job import Job, Shard, Work
from llmexam.stages.versions import model_versions
from llmexam.storage.atomic import write_text

_FOLDER = "shards"


def cluster_runner(cluster: Cluster, kind: str, model: str | None = None) -> PartRunner:
    """Return what builds parts on a cluster.

    A worker writes the part itself to the folder of the index, and its record to the output of
    the shard. Both have the same bytes as those of one process.

    Args:
        cluster: What computes the shards.
        kind: Kind of index.
        model: Name or folder of the bi-encoder, for kinds that use one; None is the bundled one.
    """

    def run(jobs: Sequence[PartJob], done: Callable[[PartRecord], None]) -> None:
        if not jobs:
            return
        place = Path(jobs[0].folder).parent / _FOLDER
        # Jobs are of parts that are not there, so what an earlier call recorded is out of date.
        delete_shards(place)
        for finished in cluster.map(_job(kind, model, jobs[0].precision, place), _shards(jobs)):
            record = PartRecord.model_validate_json(finished.shard.output.read_bytes())
            _wait_for(place.parent / record.folder)
            done(record)

    def _shards(jobs: Sequence[PartJob]) -> Iterator[Shard]:
        first = 1
        for number, job in enumerate(jobs):
            output = Path(job.folder).parent / _FOLDER / f"{number:06}.json"
            yield Shard(number, first, job.n_passages, _pack(job), output)
            first += job.n_passages

    return run


def _job(kind: str, model: str | None, precision: str | None, place: Path) -> Job:
    settings: dict[str, Any] = {}
    depends_on: list[Any] = []
    if INDEX_KINDS[kind].uses_model:
        name = model or BUNDLED
        settings = {
            "name": name,
            # A worker may have another working folder.
            "model": name if name == BUNDLED else resolve_model_name(name, Path.cwd()),
            "precision": precision or "auto",
        }
        depends_on = [resolve_model(name).weights_hash, model_versions()]
    return Job(
        f"parts of the {kind} index",
        f"{__name__}:open_building",
        settings,
        place,
        depends_on=depends_on,
        modules=[INDEX_KINDS[kind].module],
        unit="passages",
    )


def open_building(settings: Mapping[str, Any]) -> Work:
    """Return a function that builds the part of a shard."""
    encoder: Embedder | None = None
    if settings:
        encoder = load_embedder(
            settings["model"], precision=require_precision(settings["precision"])
        )
        # The manifest records the name that the user gave.
        encoder.name = settings["name"]

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        job = _unpack(content)
        # The worker before may have ended after the part was complete.
        record = finished_part(job) or build_part(job, encoder)
        write_text(output, record.model_dump_json())
        return {"passages": record.n_passages}

    return work


def _pack(job: PartJob) -> bytes:
    return json.dumps(asdict(job)).encode("ascii")


def _unpack(content: bytes) -> PartJob:
    values = json.loads(content)
    files = tuple(PassagesFile(**file) for file in values.pop("files"))
    return PartJob(**values, files=files)


def _wait_for(folder: Path) -> None:
    """Wait until the part that another machine has written appears on a network file system."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_index(folder):
        if time.monotonic() > deadline:
            raise RunError(
                "a worker has built this part, but it does not appear",
                file=folder,
                hint="Run the same command again: finished parts are kept",
            )
        time.sleep(0.2)
