"""Processes that convert pages and write shards.

Each process has a pipe of its own. If the main process is killed, the pipe closes and the process
ends, so no process is left behind.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from llmexam.collecting.wikipedia.documents import PageConverter
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.shards import write_shard
from llmexam.errors import RunError

_WAITING = 2
"""Shards that a process has at a time: one in work, one waiting."""


@dataclass(frozen=True, slots=True)
class Task:
    """Pages that become one shard."""

    number: int
    path: Path
    pages: list[Page]


class InProcess:
    """Converts in this process; the interface of `Workers`."""

    def __init__(self, settings: WikipediaSettings, key: str) -> None:
        self._converter, self._key = PageConverter(settings), key

    def submit(self, task: Task) -> Iterator[tuple[int, Counts]]:
        """Convert a shard, and yield its number and counts."""
        yield task.number, write_shard(task.path, task.pages, self._converter, self._key)

    def finish(self) -> Iterator[tuple[int, Counts]]:
        """Yield the counts of shards that are still in work."""
        yield from ()

    def close(self) -> None:
        """End."""


class Workers:
    """Several processes that convert shards.

    Args:
        n_workers: How many.
        settings: What is kept and how.
        key: Key of the collection.
    """

    def __init__(self, n_workers: int, settings: WikipediaSettings, key: str) -> None:
        # A forked child would inherit the pipes of the others, and outlive a killed parent.
        context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, SpawnProcess] = {}
        self._load: dict[Connection, int] = {}
        self._done: deque[tuple[int, Counts]] = deque()
        for _ in range(n_workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, settings, key), daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process
            self._load[ours] = 0

    def submit(self, task: Task) -> Iterator[tuple[int, Counts]]:
        """Give a shard to a process, and yield the counts of shards that are finished."""
        while min(self._load.values()) >= _WAITING:
            self._collect()
        free = min(self._load, key=lambda one: self._load[one])
        try:
            free.send(task)
        except OSError:
            self._fail(free)
        self._load[free] += 1
        yield from self._take()

    def finish(self) -> Iterator[tuple[int, Counts]]:
        """Wait for all processes, and yield the counts of their shards."""
        while any(self._load.values()):
            self._collect()
        yield from self._take()

    def close(self) -> None:
        """End the processes."""
        for connection, process in self._processes.items():
            connection.close()
            process.join(timeout=5)
            if process.is_alive():
                process.kill()
                process.join()

    def _take(self) -> Iterator[tuple[int, Counts]]:
        while self._done:
            yield self._done.popleft()

    def _collect(self) -> None:
        busy = [one for one, load in self._load.items() if load]
        for ready in wait(busy):
            assert isinstance(ready, Connection)
            try:
                found = ready.recv()
            except (EOFError, OSError):
                self._fail(ready)
            if isinstance(found, BaseException):
                raise found
            self._done.append(found)
            self._load[ready] -= 1

    def _fail(self, connection: Connection) -> None:
        process = self._processes[connection]
        process.join(timeout=5)
        raise RunError(
            f"a worker process ended with code {process.exitcode}, perhaps for lack of memory",
            hint="Run the same command again to resume, with fewer --workers",
        )


def _work(connection: Connection, settings: WikipediaSettings, key: str) -> None:
    """Convert shards until the pipe closes."""
    # Ctrl-C goes to all processes of a terminal; the main process ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    converter = PageConverter(settings)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task: Task = connection.recv()
            try:
                counts = write_shard(task.path, task.pages, converter, key)
            except Exception as error:
                # The main process raises it.
                connection.send(error)
                continue
            connection.send((task.number, counts))
