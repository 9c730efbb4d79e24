"""What a worker does: read one input, call the function of the job, write output and record.

All that passes between the main process and a worker is one JSON text in each direction.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from llmexam.errors import LlmExamError, RunError
from llmexam.stages.code import code_hash
from llmexam.stages.sharding.folder import PATIENCE_SECONDS, shard_key, write_record
from llmexam.stages.sharding.job import Work

_MOST_WARNINGS = 20

_opened: tuple[str, Work] | None = None
"""The job that this process has open, and its function."""


def perform(text: str) -> str:
    """Compute one shard, and return what became of it as JSON.

    Errors are returned instead of raised, so that nothing but text passes between processes.

    Args:
        text: What `ShardFolder.task` returned, as JSON.
    """
    begin = time.perf_counter()
    with _warnings() as warnings:
        try:
            answer: dict[str, Any] = {"counts": _perform(json.loads(text))}
        except LlmExamError as error:
            answer = {"error": str(error), "is_final": True}
        except Exception as error:
            answer = {
                "error": f"{type(error).__name__}: {error}",
                "is_final": False,
                "traceback": traceback.format_exc(),
            }
    answer |= {
        "worker": f"{socket.gethostname()} process {os.getpid()}",
        "seconds": round(time.perf_counter() - begin, 3),
        "warnings": warnings,
    }
    return json.dumps(answer)


def _perform(task: dict[str, Any]) -> dict[str, Any]:
    _require_same_folder(task)
    work = _open(task)
    content = _read(Path(task["input"]))
    if shard_key(task["job"], content) != task["key"]:
        raise OSError(f"{task['input']} is not the input that was written")
    output = Path(task["output"])
    counts = dict(work(content, output))
    write_record(Path(task["record"]), task["key"], output, counts)
    return counts


def _open(task: dict[str, Any]) -> Work:
    global _opened
    if _opened is None or _opened[0] != task["job"]:
        module, _, name = task["opener"].partition(":")
        _require_same_code(task, module)
        # The last job's model is freed before the next one is loaded.
        _opened = None
        _opened = (task["job"], getattr(import_module(module), name)(task["settings"]))
    return _opened[1]


def _require_same_code(task: dict[str, Any], module: str) -> None:
    if code_hash(module, *task["modules"]) != task["code"]:
        raise RunError(
            f"a worker on {socket.gethostname()} has another version of llmexam than this process "
            f"(it uses {Path(__file__).parents[2]})",
            hint="Install the same version on all machines",
        )


def _require_same_folder(task: dict[str, Any]) -> None:
    """Check that this worker sees the folder of the main process.

    Raises:
        RunError: It does not.
    """
    nonce = Path(task["folder"]) / "nonce"
    try:
        found = _read(nonce)
    except OSError as error:
        found = str(error).encode()
    if found != task["nonce"].encode():
        raise RunError(
            f"a worker on {socket.gethostname()} ({platform.system()}) does not see the files that "
            "this process writes",
            file=task["folder"],
            hint="Choose an output folder that all machines of the cluster share under the same "
            "path, such as a network file system",
        )


def _read(path: Path) -> bytes:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class _Collecting(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._found and len(self._found) < _MOST_WARNINGS:
            self._found.append(message)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of llmexam, for the main process to show."""
    found: list[str] = []
    handler = _Collecting(found)
    logger = logging.getLogger("llmexam")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
