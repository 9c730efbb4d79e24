"""Write drafts in shards that workers of a cluster compute."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from llmexam.authoring.checks.settings import build_checks
from llmexam.authoring.drafting import SHARD_PASSAGES, Drafting, draft_shard
from llmexam.authoring.drafts import DraftFolder, Shard, read_draft_file, write_draft_file
from llmexam.authoring.generators.building import build_generator
from llmexam.authoring.item import Source
from llmexam.authoring.settings import AuthoringSettings
from llmexam.authoring.sources import read_sources
from llmexam.errors import SettingsError
from llmexam.exam.question import Passage
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Work
from llmexam.stages.sharding.job import Shard as Part


def require_shards(settings: AuthoringSettings) -> None:
    """Check that drafts of these settings can be written by workers.

    Raises:
        SettingsError: An endpoint writes.
    """
    if settings.endpoint is not None:
        raise SettingsError(
            "requests to endpoints are sent by one process, which keeps the budget",
            field="cluster",
            hint="Leave out --cluster; `endpoint.replicas` spreads requests over several servers",
        )


def shards_from_cluster(
    sources: Iterable[Source],
    settings: AuthoringSettings,
    key: str,
    folder: DraftFolder,
    cluster: Cluster,
    place: Path,
) -> Iterator[Shard]:
    """Yield the shards of drafts in order: those on disk, and new ones of the workers.

    Args:
        sources: The passages, in the order of their shards.
        settings: How drafts are written. Each worker reads the corpus once.
        key: Hash of everything that the drafts depend on.
        folder: The folder of drafts.
        cluster: What computes the shards.
        place: Folder for the files of workers.

    Raises:
        RunError: A shard failed.
    """
    stream = iter(sources)
    order: deque[tuple[int, bool]] = deque()

    def new() -> Iterator[Part]:
        for number, part in enumerate(iter(lambda: tuple(islice(stream, SHARD_PASSAGES)), ())):
            is_known = folder.has(number, len(part))
            order.append((number, is_known))
            if not is_known:
                first = number * SHARD_PASSAGES + 1
                output = place / f"{number:06}.jsonl"
                yield Part(number, first, len(part), _pack(part), output)

    job = Job(
        "drafts",
        f"{__name__}:open_drafting",
        settings.model_dump(mode="json"),
        place,
        depends_on=key,
        unit="passages",
    )
    for finished in cluster.map(job, new()):
        yield from _known(order, folder)
        order.popleft()
        counts = finished.counts
        drafts = read_draft_file(finished.shard.output) if counts["n_drafts"] else ()
        yield Shard(counts["n_passages"], drafts, counts["reasons"])
    yield from _known(order, folder)


def _known(order: deque[tuple[int, bool]], folder: DraftFolder) -> Iterator[Shard]:
    while order and order[0][1]:
        yield folder.read(order.popleft()[0])


def open_drafting(values: Mapping[str, Any]) -> Work:
    """Return a function that writes the drafts of a shard."""
    settings = AuthoringSettings.parse(values, subject="author write")
    generator, _ = build_generator(settings)
    generator.prepare(read_sources(settings.corpus, settings.cluster_by))
    drafting = Drafting(generator, settings.request, build_checks(settings.checks).of_items)

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        shard = draft_shard(_unpack(content), drafting)
        write_draft_file(output, shard.drafts)
        return {
            "n_passages": shard.n_passages,
            "n_drafts": len(shard.drafts),
            "reasons": dict(shard.reasons),
        }

    return work


def _pack(sources: Sequence[Source]) -> bytes:
    return json.dumps([[asdict(one.passage), one.cluster] for one in sources]).encode("ascii")


def _unpack(content: bytes) -> list[Source]:
    return [Source(Passage(**passage), cluster) for passage, cluster in json.loads(content)]
