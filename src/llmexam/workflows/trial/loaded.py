"""Solvers and recoverers that stay loaded: a few, and the one not used for longest is dropped."""

from __future__ import annotations

import gc
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from pydantic import BaseModel, ConfigDict

from llmexam.storage.key_locks import KeyLocks
from llmexam.workflows.trial.preparing import Prepared
from llmexam.workflows.trial.requests import Way

_MB = 1024 * 1024


class LoadedModel(BaseModel):
    """Something that is loaded.

    Attributes:
        name: What it is called.
        seconds: Time that preparing and its first call took.
        memory_mb: Growth of the process meanwhile, in MB; an estimate, because others may have
            been loaded at the same time.
        n_answered: Items that it answered.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    seconds: float
    memory_mb: float
    n_answered: int


@dataclass
class _Entry:
    prepared: Prepared
    seconds: float
    memory_mb: float
    n_answered: int = 0
    is_used: bool = field(default=False)


class Loaded:
    """Keeps what was prepared.

    Args:
        prepare: Prepares a way to answer.
        most: How many are kept.
    """

    def __init__(self, prepare: Callable[[Way], Prepared], *, most: int = 4) -> None:
        self._prepare = prepare
        self._most = most
        self._lock = threading.Lock()
        self._preparing: KeyLocks[Way] = KeyLocks()
        self._entries: OrderedDict[Way, _Entry] = OrderedDict()
        self._process = psutil.Process()

    def get(self, way: Way) -> Prepared:
        """Return what answers, prepared now if it is not kept.

        Threads that ask for the same way share what one of them prepares.

        Raises:
            LlmExamError: It cannot be prepared.
        """
        found = self._kept(way)
        if found is not None:
            return found
        with self._preparing.hold(way):
            return self._kept(way) or self._make(way)

    def _kept(self, way: Way) -> Prepared | None:
        with self._lock:
            if way not in self._entries:
                return None
            self._entries.move_to_end(way)
            return self._entries[way].prepared

    def _make(self, way: Way) -> Prepared:
        before, start = self.memory_mb(), time.perf_counter()
        prepared = self._prepare(way)
        seconds = time.perf_counter() - start
        with self._lock:
            self._entries[way] = _Entry(prepared, seconds, max(0.0, self.memory_mb() - before))
            dropped = [self._entries.popitem(last=False) for _ in range(self._n_over())]
        if dropped:
            dropped.clear()
            gc.collect()
        return prepared

    def is_new(self, way: Way) -> bool:
        """Return whether a way was not used yet, so that its next call loads its models."""
        with self._lock:
            entry = self._entries.get(way)
            return entry is not None and not entry.is_used

    def note(self, way: Way, n_answered: int, seconds: float = 0.0, memory_mb: float = 0.0) -> None:
        """Record a call: models are loaded in the first.

        Args:
            way: Who answered.
            n_answered: Items of the call.
            seconds: Its time.
            memory_mb: Growth of the process meanwhile.
        """
        with self._lock:
            entry = self._entries.get(way)
            if entry is None:
                return
            if not entry.is_used:
                entry.is_used = True
                entry.seconds += seconds
                entry.memory_mb += max(0.0, memory_mb)
            entry.n_answered += n_answered

    def models(self) -> tuple[LoadedModel, ...]:
        """Return what is loaded, last used first."""
        with self._lock:
            return tuple(
                LoadedModel(
                    name=way.shown or way.name,
                    seconds=round(entry.seconds, 3),
                    memory_mb=round(entry.memory_mb, 1),
                    n_answered=entry.n_answered,
                )
                for way, entry in reversed(self._entries.items())
            )

    def memory_mb(self) -> float:
        """Return the memory of this process, in MB."""
        return float(self._process.memory_info().rss) / _MB

    def clear(self) -> None:
        """Drop all."""
        with self._lock:
            self._entries.clear()

    def _n_over(self) -> int:
        return max(0, len(self._entries) - self._most)
