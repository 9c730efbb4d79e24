"""One lock for each key, for work that several threads should not do twice."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyLocks(Generic[K]):
    """Locks by key, of which only those in use are kept in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[K, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, key: K) -> Iterator[None]:
        """Hold the lock of a key; other keys are not affected."""
        with self._lock:
            lock, n_users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, n_users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                _, n_users = self._locks.pop(key)
                if n_users > 1:
                    self._locks[key] = (lock, n_users - 1)

    def __len__(self) -> int:
        """Return the number of keys in use."""
        with self._lock:
            return len(self._locks)
