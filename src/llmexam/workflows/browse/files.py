"""What was read from files, kept as long as the files are the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from llmexam.storage.key_locks import KeyLocks

T = TypeVar("T")

Stamp = tuple[tuple[int, int] | None, ...]
"""Time of change and size of each file; None for one that is not there."""


def stamp_of(paths: Sequence[Path]) -> Stamp:
    """Return what changes when a file of these is written."""
    return tuple(map(_stamp, paths))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class FileCache(Generic[T]):
    """Values made of files, of which the least recently used are dropped.

    Args:
        n_kept: How many to keep.
    """

    def __init__(self, n_kept: int) -> None:
        self._n_kept = n_kept
        self._values: OrderedDict[Path, tuple[Stamp, T]] = OrderedDict()
        self._lock = Lock()
        self._making: KeyLocks[Path] = KeyLocks()

    def get(self, key: Path, files: Sequence[Path], make: Callable[[], T]) -> T:
        """Return the value of a key, made again where a file of it has changed.

        Threads that ask for the same key at the same time share one value: one makes it, and the
        others wait for it.

        Args:
            key: What the value is of, such as the folder of a run.
            files: What it is made of.
            make: Makes it.
        """
        # Before reading: a file that is written meanwhile is read again the next time.
        stamp = stamp_of(files)
        found = self._kept(key, stamp)
        if found is not None:
            return found[1]
        with self._making.hold(key):
            # Another thread may have made it meanwhile.
            stamp = stamp_of(files)
            found = self._kept(key, stamp)
            if found is not None:
                return found[1]
            value = make()
            with self._lock:
                self._values[key] = (stamp, value)
                self._values.move_to_end(key)
                while len(self._values) > self._n_kept:
                    self._values.popitem(last=False)
            return value

    def _kept(self, key: Path, stamp: Stamp) -> tuple[Stamp, T] | None:
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] != stamp:
                return None
            self._values.move_to_end(key)
            return found
