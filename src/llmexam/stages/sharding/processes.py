"""Workers as processes of this machine.

Each worker is a Python process of its own that reads tasks from its standard input, so that
neither pickles nor the main module of the user are involved. One that is killed is started again.
"""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from llmexam.stages.sharding.backend import Outcome

_Task = tuple[int, str]
_SERVE = "llmexam.stages.sharding.serve"


class ProcessBackend:
    """Processes of this machine.

    Args:
        n_workers: How many.
    """

    name = "processes of this machine"
    ahead = 2

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._tickets = itertools.count()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._open: set[int] = set()
        self._is_closed = False
        self._workers = [_Worker(self._tasks, self._report) for _ in range(n_workers)]

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [pid for one in self._workers if (pid := one.pid) is not None]

    def n_workers(self) -> int:
        """Return the number of processes."""
        return self._n_workers

    def submit(self, text: str) -> int:
        """Hand out a task, and return its ticket."""
        ticket = next(self._tickets)
        self._open.add(ticket)
        self._tasks.put((ticket, text))
        return ticket

    def wait(self) -> list[Outcome]:
        """Return the next outcomes; waits for one at least."""
        found = [self._outcomes.get()]
        with suppress(queue.Empty):
            while True:
                found.append(self._outcomes.get_nowait())
        self._open -= {one.ticket for one in found}
        return [one for one in found if one.ticket not in self._cancelled]

    def cancel(self) -> None:
        """Stop all tasks that were handed out, and forget them."""
        with suppress(queue.Empty):
            while True:
                ticket = self._tasks.get_nowait()
                if ticket is not None:
                    self._open.discard(ticket[0])
        if self._open:
            self._cancelled |= self._open
            for worker in self._workers:
                worker.kill()

    def close(self) -> None:
        """End all processes."""
        if self._is_closed:
            return
        self._is_closed = True
        self.cancel()
        for _ in self._workers:
            self._tasks.put(None)
        for worker in self._workers:
            worker.close()

    def _report(self, outcome: Outcome) -> None:
        self._outcomes.put(outcome)


class _Worker:
    """A process, and the thread that hands it one task after another."""

    def __init__(
        self, tasks: queue.SimpleQueue[_Task | None], report: Callable[[Outcome], None]
    ) -> None:
        self._tasks = tasks
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def kill(self) -> None:
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process; a task that it began a moment ago is not waited for."""
        while self._thread.is_alive():
            self.kill()
            self._thread.join(timeout=0.1)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._report(self._do(*task))
        if self._process is not None:
            self._stop(self._process)

    def _do(self, ticket: int, text: str) -> Outcome:
        try:
            process = self._living()
        except OSError as error:
            return Outcome(ticket, None, f"no process can be started: {error}")
        line = b""
        # A process that was killed a moment ago takes no input and gives no line.
        with suppress(OSError):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(text.encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if line.endswith(b"\n"):
            return Outcome(ticket, line.decode())
        self._process = None
        self._stop(process)
        return Outcome(ticket, None, _ending(process.returncode))

    def _living(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._stop(self._process)
            self._process = None
        if self._process is None:
            self._process = _start()
        return self._process

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        # A process that computes nothing ends when its input closes.
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start() -> subprocess.Popen[bytes]:
    # Ctrl-C goes to all processes of a terminal; the main process ends the others.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": import_path()},
        start_new_session=True,
    )


def import_path() -> str:
    """Return the import path of this process, for workers to import the same packages."""
    return os.pathsep.join(os.path.abspath(path) for path in sys.path if path)  # noqa: PTH100


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process ended with code {code}"
