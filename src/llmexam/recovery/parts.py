"""Recoveries of some rows, kept part by part while a recoverer works."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from llmexam.recovery.recoverer import Progress, Recoverer, Recovery
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.run_answers import read_written, write_answers
from llmexam.stages.part_sizes import FIRST_PART, next_size


def recover_in_parts(
    recoverer: Recoverer,
    items: RewriteExam,
    folder: Path,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> list[Recovery]:
    """Return a recovery for each row, and keep each part as soon as it is recovered.

    The first two parts are small: the first may include loading a model. Each further one has as
    many rows as are expected to take a few seconds. Rows do not depend on one another, so the
    parts change no answer.

    Args:
        recoverer: The recoverer, fitted if it must be.
        items: The rows.
        folder: Where parts are kept; those of an earlier call with the same rows are used.
        progress: Called with how many rows are done, and how many there are.
        clock: Returns the time, in seconds.
    """
    found: list[Recovery] = []
    size, is_first = FIRST_PART, True
    while len(found) < len(items):
        at = len(found)
        path = folder / f"{at:08d}.json"
        kept = read_part(path)
        if kept and at + len(kept) <= len(items):
            found += kept
            progress(len(found), len(items))
            continue
        if at == 0:
            progress(0, len(items))
        begin = clock()
        part = items.subset(range(at, min(at + size, len(items))))
        new = list(recoverer.recover(part))
        write_answers(path, part.ids, new)
        found += new
        progress(len(found), len(items))
        if not is_first:
            size = next_size(size, len(new), clock() - begin)
        is_first = False
    return found


def read_part(path: Path) -> Sequence[Recovery]:
    """Return the recoveries of a part; none if there is no such file or it cannot be read."""
    try:
        return read_written(path)[0]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
