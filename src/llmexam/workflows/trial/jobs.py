"""A queue of items to answer: batches by who answers, limits on length and time."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from llmexam.errors import BusyError, LlmExamError, ScoreError, TimeLimitError
from llmexam.workflows.trial.requests import Way

_LOG = logging.getLogger(__name__)

Answer = Callable[[Way, Sequence[Any]], Sequence[Any]]


@dataclass(eq=False)
class Job:
    """An item that waits for its answer.

    Attributes:
        way: Who answers.
        item: The item.
        id: A random id, which nobody can guess.
        future: Gets the answer, or the error.
        created: When it came, by the monotonic clock.
        started: When it began to be answered; None before.
        finished: When it was answered; None before.
        last_seen: When somebody last asked for it; None if its client waits for it all the time.
        request: What was asked, to show it again.
    """

    way: Way
    item: Any
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    future: Future[Any] = field(default_factory=Future)
    created: float = field(default_factory=time.monotonic)
    started: float | None = None
    finished: float | None = None
    last_seen: float | None = None
    request: Any = None


@dataclass(frozen=True)
class QueueLimits:
    """Limits of a queue.

    Attributes:
        length: Items that may wait; more are refused.
        batch: Items that are answered in one call.
        workers: Calls at the same time, of ways that one thread uses at a time.
        threads: Further calls at the same time, of ways that several threads may use.
        seconds: Time from coming to being answered.
        unseen_seconds: Time after which an item that nobody asks for is dropped.
    """

    length: int = 100
    batch: int = 32
    workers: int = 2
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    seconds: float = 120.0
    unseen_seconds: float = 20.0


class JobQueue:
    """Answers items in worker threads. Items with the same way are answered in one call.

    A way is used by one thread at a time, because models are not made for several. Items of a
    `threaded` way are answered one by one in several threads: a batch would not be faster, and
    would use one core. Among ways that are free, the one whose first item came earliest is next.

    Args:
        answer: Answers items of one way, in order.
        limits: Limits.
    """

    def __init__(self, answer: Answer, limits: QueueLimits | None = None) -> None:
        self.limits = limits or QueueLimits()
        self._answer = answer
        self._ready = threading.Condition()
        self._lanes: OrderedDict[Way, deque[Job]] = OrderedDict()
        # Calls under way, and their items.
        self._calls: Counter[Way] = Counter()
        self._n_running = 0
        self._workers: list[threading.Thread] = []
        self._is_closed = False
        self.n_answered = 0
        self.n_calls = 0
        self.n_dropped = 0

    def submit(self, job: Job) -> Job:
        """Put an item into the queue.

        Raises:
            BusyError: The queue is full, or the server stops.
        """
        with self._ready:
            if self._is_closed:
                raise _stopping()
            n = self._n_waiting()
            if n >= self.limits.length:
                raise BusyError(
                    f"the queue is full; questions waiting: {n}",
                    hint="Try again in a few seconds",
                )
            self._lanes.setdefault(job.way, deque()).append(job)
            self._start_workers()
            self._ready.notify()
        return job

    def drop(self, job: Job) -> None:
        """Take an item out of the queue whose client went away; a call under way goes on."""
        with self._ready:
            if job.future.cancel():
                self.n_dropped += 1

    def position(self, job: Job) -> int:
        """Return how many items are answered before a waiting one, 0 if it is the next."""
        with self._ready:
            return sum(
                one.created < job.created and not one.future.done()
                for lane in self._lanes.values()
                for one in lane
            )

    @property
    def n_waiting(self) -> int:
        """Items that wait."""
        with self._ready:
            return self._n_waiting()

    @property
    def n_running(self) -> int:
        """Items that are being answered."""
        with self._ready:
            return self._n_running

    def close(self) -> None:
        """Refuse new items and those that wait; calls under way go on."""
        with self._ready:
            self._is_closed = True
            waiting = [job for lane in self._lanes.values() for job in lane]
            self._lanes.clear()
            self._ready.notify_all()
        for job in waiting:
            if not job.future.done():
                job.future.set_exception(_stopping())

    def _n_waiting(self) -> int:
        return sum(not job.future.done() for lane in self._lanes.values() for job in lane)

    def _start_workers(self) -> None:
        limits = self.limits
        n_wanted = min(limits.workers + limits.threads, self._calls.total() + self._n_waiting())
        while len(self._workers) < n_wanted:
            # Daemons: a call that takes minutes must not keep the process.
            worker = threading.Thread(target=self._work, name="trial", daemon=True)
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not (self._is_closed or self._free_lanes()):
                    self._ready.wait()
                if self._is_closed:
                    return
                way, batch = self._take()
            if not batch:
                continue
            try:
                self._call(way, batch)
            except BaseException as error:
                # Without this worker, later questions would wait for ever.
                _tell(way, error)
                _fail(batch, error)
            finally:
                with self._ready:
                    self._calls[way] -= 1
                    self._calls += Counter()
                    self._n_running -= len(batch)
                    # This worker looks for the next call itself.
                    self._ready.notify()

    def _free_lanes(self) -> list[Way]:
        limits, running = self.limits, self._calls
        n_threaded = sum(n for way, n in running.items() if way.threaded)
        n_others = running.total() - n_threaded
        return [
            way
            for way, lane in self._lanes.items()
            if lane
            and (
                n_threaded < limits.threads
                if way.threaded
                else n_others < limits.workers and not running[way]
            )
        ]

    def _take(self) -> tuple[Way, list[Job]]:
        way = min(self._free_lanes(), key=lambda one: self._lanes[one][0].created)
        lane = self._lanes[way]
        batch: list[Job] = []
        while lane and len(batch) < (1 if way.threaded else self.limits.batch):
            job = lane.popleft()
            if self._is_wanted(job) and job.future.set_running_or_notify_cancel():
                job.started = time.monotonic()
                batch.append(job)
        if not lane:
            del self._lanes[way]
        if batch:
            self._calls[way] += 1
            self._n_running += len(batch)
        return way, batch

    def _is_wanted(self, job: Job) -> bool:
        """Return whether somebody waits for an item that is neither too late nor forgotten."""
        if job.future.done():
            return False
        now = time.monotonic()
        if now - job.created > self.limits.seconds:
            job.future.set_exception(too_late(self.limits.seconds))
            return False
        if job.last_seen is not None and now - job.last_seen > self.limits.unseen_seconds:
            self.n_dropped += 1
            job.future.set_exception(
                BusyError(
                    "the question was dropped, because its page did not ask for the answer for "
                    f"{self.limits.unseen_seconds:g} s",
                    hint="Send the question again",
                )
            )
            return False
        return True

    def _call(self, way: Way, batch: Sequence[Job]) -> None:
        try:
            found = self._answer(way, [job.item for job in batch])
            if len(found) != len(batch):
                raise ScoreError(
                    f"'{way.shown or way.name}' returned {len(found)} answers to {len(batch)} items"
                )
        except Exception as error:
            if len(batch) > 1 and isinstance(error, LlmExamError):
                # One item must not spoil the answers to the others.
                for job in batch:
                    self._call(way, [job])
                return
            _tell(way, error)
            _fail(batch, error)
            return
        with self._ready:
            self.n_calls += 1
            self.n_answered += len(batch)
        now = time.monotonic()
        for job, one in zip(batch, found, strict=True):
            job.finished = now
            job.future.set_result(one)


def _tell(way: Way, error: BaseException) -> None:
    """Show an unexpected error in the terminal; pages only say that there is one."""
    if not isinstance(error, LlmExamError):
        _LOG.error("Answering with '%s' failed.", way.shown or way.name, exc_info=error)


def _fail(batch: Sequence[Job], error: BaseException) -> None:
    # What waits for the answer must not end because a solver called `sys.exit`.
    told = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
    for job in batch:
        with suppress(InvalidStateError):
            job.future.set_exception(told)


def too_late(seconds: float) -> TimeLimitError:
    """Return the error of an item that was not answered in time."""
    return TimeLimitError(
        f"the answer took longer than {seconds:g} s",
        hint="Try again, or choose a faster solver",
    )


def _stopping() -> BusyError:
    return BusyError("the server is stopping", hint="Start it again")
