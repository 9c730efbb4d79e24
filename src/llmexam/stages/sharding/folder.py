"""The folder of a job: inputs that wait, outputs, and a record of each finished shard.

A record is written after the output, and contains the key of the shard and the hash of the
output. A shard is finished if its record has the right key and its output the recorded hash.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.stages.sharding.job import Finished, Job, Shard
from llmexam.storage.atomic import atomic_path, write_text
from llmexam.storage.hashing import hash_file, hash_json

PATIENCE_SECONDS = 10.0
"""How long a new file may take to appear on another machine, on a network file system."""

_NONCE = "nonce"


class ShardFolder:
    """The files of a job.

    Args:
        job: The job.

    Attributes:
        nonce: A random text in a file of the folder, by which workers find out whether they see
            the same folder.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._path = job.folder
        (self._path / "inputs").mkdir(parents=True, exist_ok=True)
        self.nonce = secrets.token_hex(16)
        write_text(self._path / _NONCE, self.nonce)

    def find(self, shard: Shard) -> Finished | None:
        """Return a shard that is finished already, or None."""
        try:
            record = json.loads(self._record(shard).read_text("utf-8"))
            is_same = record["key"] == self.key(shard) and record["sha256"] == hash_file(
                shard.output
            )
            counts = record["counts"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Finished(shard, counts) if is_same else None

    def wait_for(self, shard: Shard) -> Finished | None:
        """Return a shard that a worker has finished, or None if it does not appear."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.find(shard)) is None and time.monotonic() < deadline:
            if self._record(shard).exists():
                # It is there and does not fit; waiting would not change that.
                return self.find(shard)
            time.sleep(0.2)
        return found

    def task(self, shard: Shard) -> dict[str, Any]:
        """Write the input of a shard, and return what a worker is told, as JSON values."""
        place = self._input(shard)
        if not place.exists() or place.read_bytes() != shard.content:
            with atomic_path(place) as temporary:
                temporary.write_bytes(shard.content)
        # Of an earlier job: the output is only complete with a record of this one.
        self._record(shard).unlink(missing_ok=True)
        return {
            "opener": self._job.opener,
            "settings": dict(self._job.settings),
            "job": self._job.key,
            "code": self._job.code,
            "modules": list(self._job.modules),
            "folder": str(self._path.absolute()),
            "nonce": self.nonce,
            "input": str(place.absolute()),
            "output": str(shard.output.absolute()),
            "record": str(self._record(shard).absolute()),
            "key": self.key(shard),
        }

    def forget_input(self, shard: Shard) -> None:
        """Delete the input of a finished shard."""
        self._input(shard).unlink(missing_ok=True)

    def key(self, shard: Shard) -> str:
        """Return the hash of everything that the output of a shard depends on."""
        return shard_key(self._job.key, shard.content)

    def _input(self, shard: Shard) -> Path:
        return self._path / "inputs" / f"{shard.number:06}"

    def _record(self, shard: Shard) -> Path:
        return self._path / f"{shard.number:06}.done.json"


def shard_key(job: str, content: bytes) -> str:
    """Return the key of a shard from that of its job and its input."""
    return hash_json([job, hashlib.sha256(content).hexdigest()])


def write_record(path: Path, key: str, output: Path, counts: Mapping[str, Any]) -> None:
    """Write the record of a finished shard."""
    record = {"key": key, "sha256": hash_file(output), "counts": dict(counts)}
    write_text(path, json.dumps(record, ensure_ascii=True, allow_nan=False))


def delete_shards(folder: Path) -> None:
    """Delete the folder of a job whose results are stored elsewhere."""
    shutil.rmtree(folder, ignore_errors=True)
