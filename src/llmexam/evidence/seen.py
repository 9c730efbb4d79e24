"""Detect repeated ids and passages among tens of millions, in eight bytes each."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

# Runs longer than this are memory-mapped temporary files, which the system may page out.
_SPILL = 1_000_000
# Maximum length of a merged run, because merging happens in memory.
_LONGEST = 8_000_000


def hash_texts(texts: Iterable[str]) -> Keys:
    """Return the first eight bytes of every text's BLAKE2b hash, shape `[n_texts]`.

    Any two of 50 million different texts collide with probability 7e-5 (birthday bound).
    """
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


class SeenKeys:
    """A set of 64-bit keys in sorted runs; below the maximum, each is twice as long as the next.

    It takes about eight bytes per key, and long runs are temporary files, so memory stays small
    for any number of keys. Use it in a `with` block, which deletes the files at its end.
    """

    def __init__(self) -> None:
        self._runs: list[Keys] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._n_files = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._runs = []
        if self._folder is not None:
            self._folder.cleanup()

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def add(self, keys: Keys) -> NDArray[np.bool_]:
        """Add keys and return which of them are new, shape `[n_keys]`.

        If a key repeats within `keys`, only its first occurrence is new.
        """
        distinct, first = np.unique(keys, return_index=True)
        is_fresh = np.ones(len(distinct), dtype=bool)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, distinct), len(run) - 1)
            is_fresh &= run[place] != distinct
        if is_fresh.any():
            self._append(distinct[is_fresh])
        is_new = np.zeros(len(keys), dtype=bool)
        is_new[first] = is_fresh
        return is_new

    def _append(self, run: Keys) -> None:
        while self._runs and len(self._runs[-1]) < min(2 * len(run), _LONGEST - len(run)):
            run = np.concatenate([self._runs.pop(), run])
            run.sort()
        self._runs.append(self._spill(run) if len(run) > _SPILL else run)

    def _spill(self, run: Keys) -> Keys:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="llmexam-")
        path = Path(self._folder.name) / f"{self._n_files}.npy"
        self._n_files += 1
        np.save(path, run)
        mapped: Keys = np.load(path, mmap_mode="r")
        return mapped
