"""Group 64-bit keys of all documents by value, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Positions = NDArray[np.int64]

_LONGEST = 4_000_000


def key_ranges(
    load: Callable[[int], Keys], sizes: list[int], *, longest: int = _LONGEST
) -> Iterator[tuple[Keys, Positions]]:
    """Yield the keys of all parts in ranges of values, each with the positions of its keys.

    All occurrences of a key are in the same range. The parts are read once for each range, so
    memory depends on `longest` only, as long as no key is very frequent.

    Args:
        load: Returns the keys of a part, memory-mapped.
        sizes: Number of keys of each part.
        longest: Largest expected number of keys of a range; a range has 16 bytes per key.
    """
    if not sizes:
        return
    n_ranges = 1
    while sum(sizes) > n_ranges * longest:
        n_ranges *= 2
    shift = np.uint64(64 - (n_ranges.bit_length() - 1))
    for number in range(n_ranges):
        keys: list[Keys] = []
        positions: list[Positions] = []
        start = 0
        for part, size in enumerate(sizes):
            own = np.asarray(load(part), dtype=np.uint64)
            if n_ranges == 1:
                chosen = np.arange(size, dtype=np.int64)
            else:
                chosen = np.flatnonzero((own >> shift) == np.uint64(number)).astype(np.int64)
            keys.append(own[chosen])
            positions.append(chosen + start)
            start += size
        yield np.concatenate(keys), np.concatenate(positions)


def repeated_groups(keys: Keys, order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of keys that occur more than once, one array per value.

    Args:
        keys: The keys.
        order: A number for each key, by which the indices of a group are sorted.
    """
    by_key = np.lexsort((order, keys))
    values = keys[by_key]
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    ends = np.concatenate([starts[1:], [len(values)]])
    is_repeated = ends - starts > 1
    for start, end in zip(starts[is_repeated], ends[is_repeated], strict=True):
        yield by_key[start:end]


def frequent_keys(
    load: Callable[[int], Keys], sizes: list[int], minimum: int, *, longest: int = _LONGEST
) -> Keys:
    """Return the keys that occur at least `minimum` times, sorted."""
    found = [np.zeros(0, dtype=np.uint64)]
    for keys, _ in key_ranges(load, sizes, longest=longest):
        values, counts = np.unique(keys, return_counts=True)
        found.append(values[counts >= minimum])
    return np.sort(np.concatenate(found))
