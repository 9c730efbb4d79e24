"""The executor that runs stages one after another and caches their results.

A stage writes its result to files of the run folder, and a record to `stages/<name>.json`: the
key of its inputs, and the hash of each file. A later run reuses the result if the key and all
hashes are unchanged; otherwise it computes the stage again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from llmexam.machine import peak_memory_mb
from llmexam.stages.record import StageRecord
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards
from llmexam.stages.stage import Announce, Result, Stage, StageContext
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_file
from llmexam.storage.temporary import is_temporary

SHARDS = "shards"
"""Folder of a run for the shards of unfinished stages."""
PARTS = "parts"
"""Folder in `stages/` with a folder for each stage that keeps finished parts."""


class LocalExecutor:
    """Runs the stages of one run in this process, and caches their results in its folder.

    With a cluster, stages whose work has shards hand them out, and collect the results here.

    Args:
        folder: The run folder.
        overwrite: Whether to compute all stages again instead of using the cached ones.
        announce: Called with the name of a stage when it begins, and again with the work done
            and the total work, in units of the stage (0 and None at first).
            The name of a cached stage ends in `(cached)`.
        cluster: What computes the shards of stages that have some.
        keeps_parts: Whether stages keep finished parts of their results, so that an interrupted
            stage resumes.

    Attributes:
        records: Time and memory of each stage, in order.
    """

    def __init__(
        self,
        folder: Path,
        *,
        overwrite: bool = False,
        announce: Announce = lambda name, n_done, n_all: None,
        cluster: Cluster | None = None,
        keeps_parts: bool = False,
    ) -> None:
        self._cluster = cluster
        self._keeps_parts = keeps_parts
        self._folder = folder
        self._overwrite = overwrite
        self._announce = announce
        self._current = ""
        self.records: list[StageRecord] = []

    def run(self, stage: Stage[Result]) -> Result:
        """Return the result of a stage, from the cache if it is valid."""
        key = stage.key
        record_path = self._record_path(stage.name)
        start = time.perf_counter()
        cached = self._is_there(record_path, key, stage.outputs)
        with self._timed(stage.name, start, cached=cached):
            shards = f"{SHARDS}/{_file_name(stage.name)}"
            parts = self._folder / "stages" / PARTS / key[:16] if self._keeps_parts else None
            context = StageContext(self._folder, self.advance, self._cluster, shards, parts)
            if cached:
                return stage.reuse(context)
            # Without a record, an unfinished stage is never reused.
            record_path.unlink(missing_ok=True)
            result = stage.compute(context)
            self.record(stage.name, stage.outputs, key=key)
            if self._cluster is not None:
                delete_shards(self._folder / shards)
                with suppress(OSError):
                    (self._folder / SHARDS).rmdir()
            if parts is not None:
                shutil.rmtree(parts, ignore_errors=True)
            return result

    def record(self, name: str, files: Sequence[str], *, key: str = "") -> None:
        """Record files as belonging to the run; without a key they are never reused."""
        write_json(self._record_path(name), {"key": key, "files": self._hashes(files)})

    def advance(self, n_done: int, n_all: int | None = None) -> None:
        """Report progress of the current stage: work done, and total work if known."""
        self._announce(self._current, n_done, n_all)

    def time(self, name: str, compute: Callable[[], Result]) -> Result:
        """Run work that is too quick to cache, record its time, and return its result."""
        with self._timed(name, time.perf_counter()):
            return compute()

    @contextmanager
    def _timed(self, name: str, start: float, *, cached: bool = False) -> Iterator[None]:
        self._current = f"{name} (cached)" if cached else name
        self.advance(0)
        yield
        seconds = time.perf_counter() - start
        self.records.append(StageRecord(name, seconds, peak_memory_mb(), cached))

    def _is_there(self, record_path: Path, key: str, files: Sequence[str]) -> bool:
        if self._overwrite:
            return False
        try:
            record = json.loads(record_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not isinstance(record, dict) or record.get("key") != key:
            return False
        try:
            return bool(record.get("files") == self._hashes(files))
        except OSError:
            return False

    def _record_path(self, name: str) -> Path:
        return self._folder / "stages" / f"{_file_name(name)}.json"

    def _hashes(self, files: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in files:
            path = self._folder / name
            parts = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            # Readers create lock files, so these are no part of the result.
            for part in parts:
                if not part.name.endswith(".lock") and not is_temporary(part):
                    found[part.relative_to(self._folder).as_posix()] = hash_file(part)
        return found


def _file_name(stage: str) -> str:
    return stage.replace(" ", "-")
