"""Checksums of large files by blocks, so that a sample of blocks can be checked in little time."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

BLOCK_BYTES = 4 << 20
"""Size of a block; the last one of a file may be smaller."""

# A file up to this size is checked whole: that takes a fraction of a second.
_WHOLE_BYTES = 256_000_000
_N_SAMPLED = 32


def block_checksums(path: Path) -> list[int]:
    """Return the CRC-32 of every block of a file."""
    with path.open("rb") as stream:
        found = []
        while block := stream.read(BLOCK_BYTES):
            found.append(zlib.crc32(block))
    return found


def changed_block(
    path: Path, expected: Sequence[int], *, whole: bool = False, share: float = 1.0
) -> int | None:
    """Return the number of the first block that does not have the expected checksum, or None.

    Of a file of more than 256 MB, the first, the last and 30 blocks between are checked.

    Args:
        path: The file; a block that is missing has changed.
        expected: What `block_checksums` returned before.
        whole: Whether to check every block.
        share: Of a file that is one of many, a smaller share of these sizes and numbers.
    """
    n = len(expected)
    numbers: Iterable[int] = range(n)
    if not whole and n * BLOCK_BYTES > _WHOLE_BYTES * share:
        n_sampled = max(2, round(_N_SAMPLED * share))
        numbers = sorted({round(i * (n - 1) / (n_sampled - 1)) for i in range(n_sampled)})
    with path.open("rb") as stream:
        for number in numbers:
            stream.seek(number * BLOCK_BYTES)
            if zlib.crc32(stream.read(BLOCK_BYTES)) != expected[number]:
                return number
        end = stream.seek(0, os.SEEK_END)
    return n if end > n * BLOCK_BYTES else None
