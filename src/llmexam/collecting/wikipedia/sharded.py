"""Convert the pages of dumps in shards that workers of a cluster compute."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmexam.collecting.wikipedia.documents import PageConverter
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.shards import write_shard
from llmexam.collecting.wikipedia.workers import Task
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Shard, Work

FOLDER = ".shards"
"""Folder of a collection for the files of workers."""


def convert_on_cluster(
    tasks: Iterable[Task], settings: WikipediaSettings, key: str, cluster: Cluster, folder: Path
) -> Iterator[Counts]:
    """Yield the counts of each shard, in order.

    Args:
        tasks: The shards that are missing.
        settings: What is kept and how.
        key: Key of the collection.
        cluster: What converts the pages.
        folder: The folder of the collection.

    Raises:
        RunError: A shard failed.
    """

    def shards() -> Iterator[Shard]:
        n_pages = 0
        for task in tasks:
            content = json.dumps([asdict(page) for page in task.pages]).encode("ascii")
            yield Shard(task.number, n_pages + 1, len(task.pages), content, task.path)
            n_pages += len(task.pages)

    # The titles choose pages, which is done before.
    values = {"key": key, "settings": settings.model_dump(mode="json", exclude={"titles"})}
    job = Job("pages", f"{__name__}:open_converting", values, folder / FOLDER, unit="new pages")
    for finished in cluster.map(job, shards()):
        yield Counts.from_json(dict(finished.counts))


def open_converting(values: Mapping[str, Any]) -> Work:
    """Return a function that converts the pages of a shard."""
    settings = WikipediaSettings.parse(values["settings"], subject="collect wikipedia")
    converter = PageConverter(settings)

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        pages = [Page(**one) for one in json.loads(content)]
        return write_shard(output, pages, converter, values["key"]).as_json()

    return work
