"""Hand out the shards of a job, again where a worker ended, and return them in order."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from llmexam.errors import RunError, plural
from llmexam.stages.sharding.backend import Backend, Outcome
from llmexam.stages.sharding.folder import ShardFolder
from llmexam.stages.sharding.job import Finished, Job, Shard

_LOG = logging.getLogger(__name__)
# Shards that may be complete while an earlier one is not, per worker.
_BUFFERED = 16

Advance = Callable[[int], None]


@dataclass
class Account:
    """What became of the shards of a job.

    Attributes:
        n_shards: Shards that are finished.
        n_reused: Those of them that an earlier call had computed.
        n_retries: How often a shard was handed out again.
        workers: Names of the workers that computed shards.
        seconds: Time that workers spent on finished shards.
    """

    n_shards: int = 0
    n_reused: int = 0
    n_retries: int = 0
    workers: set[str] = field(default_factory=set)
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return the account as one line."""
        new = self.n_shards - self.n_reused
        return (
            f"{plural(self.n_shards, 'shard')}: {self.n_reused:,} reused, {new:,} computed by "
            f"{plural(len(self.workers), 'worker')} in {self.seconds:.1f} s of their time, "
            f"{plural(self.n_retries, 'retry', 'retries')}"
        )


@dataclass
class _Attempt:
    shard: Shard
    number: int = 1


class HandingOut:
    """One pass over the shards of a job.

    Args:
        backend: What runs the workers.
        job: The job.
        attempts: How often a shard is handed out before its failure is an error.
        tell: Called with a message where a worker ended or failed.
        advance: Called with the number of rows of each finished shard.
    """

    def __init__(
        self,
        backend: Backend,
        job: Job,
        *,
        attempts: int,
        tell: Callable[[str], None],
        advance: Advance,
    ) -> None:
        self._backend = backend
        self._job = job
        self._attempts = attempts
        self._tell = tell
        self._advance = advance
        self._folder = ShardFolder(job)
        self._running: dict[int, _Attempt] = {}
        self._again: deque[_Attempt] = deque()
        self._order: deque[int] = deque()
        self._done: dict[int, Finished] = {}
        self._warned: set[str] = set()
        self.account = Account()

    def run(self, shards: Iterable[Shard]) -> Iterator[Finished]:
        """Yield the shards in order as they are finished.

        Raises:
            RunError: A shard failed, or its worker ended too often; the message names the shard,
                its rows and the reason. Finished shards stay.
        """
        stream = iter(shards)
        is_open = True
        try:
            while True:
                is_open = self._fill(stream) if is_open else self._fill(iter(()))
                while self._order and self._order[0] in self._done:
                    yield self._done.pop(self._order.popleft())
                if not self._order and not is_open:
                    return
                if self._running:
                    for outcome in self._backend.wait():
                        self._settle(outcome)
        finally:
            if self._running:
                # The caller needs no more, or a shard failed.
                self._backend.cancel()

    def _fill(self, stream: Iterator[Shard]) -> bool:
        """Hand out shards while workers are free; return whether there may be more."""
        n_workers = self._backend.n_workers()
        n_most = n_workers * self._backend.ahead
        while len(self._running) < n_most:
            if self._again:
                self._submit(self._again.popleft())
                continue
            if len(self._order) >= n_workers * _BUFFERED:
                return True
            shard = next(stream, None)
            if shard is None:
                return False
            self._order.append(shard.number)
            found = self._folder.find(shard)
            if found is None:
                self._submit(_Attempt(shard))
            else:
                self._finish(Finished(shard, found.counts, reused=True))
                if len(self._order) > 1 or self._running:
                    continue
                # Its turn has come, so it can be passed on before more is read.
                return True
        return True

    def _submit(self, attempt: _Attempt) -> None:
        text = json.dumps(self._folder.task(attempt.shard))
        self._running[self._backend.submit(text)] = attempt

    def _settle(self, outcome: Outcome) -> None:
        attempt = self._running.pop(outcome.ticket)
        if outcome.answer is None:
            self._retry(attempt, f"its worker ended: {outcome.reason}")
            return
        answer: dict[str, Any] = json.loads(outcome.answer)
        for message in answer["warnings"]:
            if message not in self._warned:
                self._warned.add(message)
                _LOG.warning("%s", message)
        if "error" in answer:
            self._fail(attempt, answer)
            return
        found = self._folder.wait_for(attempt.shard)
        if found is None:
            self._retry(attempt, f"its output is not there, or was changed ({answer['worker']})")
            return
        self.account.workers.add(answer["worker"])
        self.account.seconds += answer["seconds"]
        self._finish(Finished(attempt.shard, answer["counts"]))

    def _finish(self, finished: Finished) -> None:
        self._folder.forget_input(finished.shard)
        self._done[finished.shard.number] = finished
        self.account.n_shards += 1
        self.account.n_reused += finished.reused
        self._advance(finished.shard.n_rows)

    def _fail(self, attempt: _Attempt, answer: dict[str, Any]) -> None:
        if answer["is_final"]:
            raise RunError(
                f"{self._job.name}, {attempt.shard.describe(self._job.unit)}: {answer['error']}",
            )
        _LOG.debug("%s", answer.get("traceback", ""))
        self._retry(attempt, f"{answer['worker']} failed: {answer['error']}")

    def _retry(self, attempt: _Attempt, reason: str) -> None:
        name = f"{self._job.name}, {attempt.shard.describe(self._job.unit)}"
        if attempt.number >= self._attempts:
            raise RunError(
                f"{name}: {reason}. This was attempt {attempt.number} of {self._attempts}",
                hint="Finished shards are kept; run the same command again to resume",
            )
        self.account.n_retries += 1
        self._tell(f"{name}: {reason}; attempt {attempt.number + 1} of {self._attempts}")
        self._again.append(_Attempt(attempt.shard, attempt.number + 1))
