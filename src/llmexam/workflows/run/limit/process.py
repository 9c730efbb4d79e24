"""Start the process that does long steps, watch it, stop it, and start another one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Any

from llmexam.stages.record import StageRecord
from llmexam.stages.stage import Announce
from llmexam.storage.temporary import clear_leftovers
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.watch import Watch
from llmexam.workflows.run.limit.worker import work

_POLL_SECONDS = 0.1
GRACE_SECONDS = 2.0
"""A step that is asked to stop ends at its next report of progress in this time, or is killed."""


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        value: What came of it; None if it was stopped or failed.
        stopped: Why it was stopped; empty if it was not.
        error: What failed; empty if nothing did.
        traceback: The traceback of an error that is not the user's.
        seconds: How long it took.
        stages: Time and memory of its stages.
    """

    value: Any = None
    stopped: str = ""
    error: str = ""
    traceback: str = ""
    seconds: float = 0.0
    stages: tuple[StageRecord, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether it ended by itself, without an error."""
        return not self.stopped and not self.error


class Worker:
    """Does steps in another process, which is started when it is needed.

    Args:
        job: The run.
        announce: Called with the stage, the work done and all work.
        grace: Seconds in which a step that is asked to stop must end, or it is killed.
        clock: Returns the time, in seconds.

    Attributes:
        start_seconds: How long the last start of the process took.
    """

    def __init__(
        self,
        job: steps.Job,
        announce: Announce,
        *,
        grace: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._grace = grace
        self._job = job
        self._announce = announce
        self._clock = clock
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._stop: Event | None = None
        self._told = ""
        self.start_seconds = 0.0

    def start(self, until: float) -> Outcome | None:
        """Start the process if there is none, and wait until it can do a step.

        Args:
            until: When to give up, by the clock.

        Returns:
            Why it did not start; None if it is there.
        """
        if self._process is not None and self._process.is_alive():
            return None
        began = self._clock()
        connection, _ = self._ready()
        try:
            while not connection.poll(_POLL_SECONDS):
                if self._clock() >= until:
                    return self._killed(began, "the time was over")
            connection.recv()
        except (EOFError, OSError):
            return self._lost(began)
        self.start_seconds = self._clock() - began
        return None

    def do(self, step: steps.Step, watch: Watch) -> Outcome:
        """Do a step as long as a watch allows it, and return how it ended.

        The process must have been started.
        """
        began = self._clock()
        connection, stop = self._ready()
        stop.clear()
        try:
            connection.send(step)
        except OSError:
            return self._lost(began)
        asked_at, reason = 0.0, ""
        while True:
            try:
                message = connection.recv() if connection.poll(_POLL_SECONDS) else None
            except (EOFError, OSError):
                return self._lost(began) if not reason else self._killed(began, reason)
            now = self._clock()
            if isinstance(message, steps.Reply):
                return _outcome(message, reason, now - began)
            if isinstance(message, steps.Progress):
                self._tell(message)
                watch.pace.advance(now, message.n_done, message.n_all, message.stage)
            if not reason and (reason := watch.reason_to_stop(now)):
                asked_at = now
                stop.set()
            elif reason and now - asked_at >= self._grace:
                return self._killed(began, reason)

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            # A process that waits for a disk or a card may end later.
            self._process.join(GRACE_SECONDS)
            clear_leftovers(self._job.folder, deep=True)
        self._process = self._connection = self._stop = None

    def _ready(self) -> tuple[Connection, Event]:
        if self._process is None or not self._process.is_alive():
            self.close()
            context = get_context("spawn")
            here, there = context.Pipe()
            stop = context.Event()
            process = context.Process(target=work, args=(there, stop, self._job))
            process.start()
            there.close()
            self._process, self._connection, self._stop = process, here, stop
        assert self._connection is not None
        assert self._stop is not None
        return self._connection, self._stop

    def _tell(self, message: steps.Progress) -> None:
        """Report progress; the beginning of a stage only once."""
        if message.n_done or message.stage != self._told:
            self._announce(message.stage, message.n_done, message.n_all)
        self._told = message.stage

    def _killed(self, began: float, reason: str) -> Outcome:
        self.close()
        return Outcome(stopped=reason, seconds=self._clock() - began)

    def _lost(self, began: float) -> Outcome:
        """Return that the process ended by itself in the middle of a step."""
        code = None
        if self._process is not None:
            self._process.join(GRACE_SECONDS)
            code = self._process.exitcode
        self.close()
        return Outcome(error=_death(code), seconds=self._clock() - began)


def _outcome(reply: steps.Reply, reason: str, seconds: float) -> Outcome:
    if reply.stopped:
        return Outcome(stopped=reason, seconds=seconds, stages=reply.stages)
    return Outcome(
        reply.value,
        error=reply.error,
        traceback=reply.traceback,
        seconds=seconds,
        stages=reply.stages,
    )


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        memory = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{memory}"
    return f"its process ended unexpectedly, with exit code {code}"
