"""Rewrite texts in shards that workers of a cluster compute."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmexam.generation.local import TOGETHER
from llmexam.generation.writer import Progress, WrittenText
from llmexam.recovery.making.local import LocalMaker, LocalMakerSettings
from llmexam.recovery.making.maker import Forecast
from llmexam.recovery.making.pairs import Pair
from llmexam.settings.walk import resolve_references
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.job import Job, Work
from llmexam.stages.versions import model_versions
from llmexam.storage.atomic import write_text

# A whole number of batches, so that the model gets the same ones as without shards.
SHARD_PAIRS = 2 * TOGETHER


class ClusterMaker:
    """Rewrites texts by local language models of workers.

    Args:
        settings: Model, sampling and wording.
        cluster: What rewrites the texts.
        folder: Folder of the shards.

    Raises:
        ModelError: There is no such model here, or it has no chat template that its format needs.
    """

    def __init__(self, settings: LocalMakerSettings, cluster: Cluster, folder: Path) -> None:
        self._here = LocalMaker(settings)
        self._settings = settings
        self._cluster = cluster
        self._folder = folder
        self._answers: list[WrittenText] = []
        self.name = self._here.name
        self.max_characters = self._here.max_characters

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[WrittenText]:
        """Return an answer for each pair, in order.

        Raises:
            RunError: A shard failed.
        """
        placed = resolve_references(self._settings, Path.cwd())
        job = Job(
            f"texts by {self.name}",
            f"{__name__}:open_making",
            placed.model_dump(mode="json"),
            self._folder,
            depends_on=[self._here.writer.version, model_versions()],
            unit="pairs",
        )
        outputs = self._cluster.map_rows(
            job, pairs, size=SHARD_PAIRS, pack=_pack, suffix=".json", progress=progress
        )
        self._answers = [
            WrittenText(**one) for output in outputs for one in json.loads(output.read_bytes())
        ]
        return self._answers

    def forecast(self, pairs: Sequence[Pair]) -> Forecast:
        """Return what rewriting takes at most, by the cache of this machine."""
        return self._here.forecast(pairs)

    def used(self) -> str:
        """Return what the workers have read and written."""
        n_read = sum(one.prompt_tokens for one in self._answers)
        n_written = sum(one.completion_tokens for one in self._answers)
        return (
            f"{len(self._answers):,} texts generated or cached by workers; {n_read:,} prompt "
            f"tokens and {n_written:,} new tokens"
        )


def open_making(values: Mapping[str, Any]) -> Work:
    """Return a function that rewrites the texts of a shard."""
    maker = LocalMaker(LocalMakerSettings.parse(values, subject="the local model"))

    def work(content: bytes, output: Path) -> Mapping[str, Any]:
        pairs = [Pair(**one) for one in json.loads(content)]
        written = maker.make(pairs, lambda n_done, n_all: None)
        write_text(output, json.dumps([asdict(one) for one in written]))
        return {"pairs": len(pairs)}

    return work


def _pack(pairs: Sequence[Pair]) -> bytes:
    return json.dumps([asdict(pair) for pair in pairs]).encode("ascii")
