"""Handling of interrupts (Ctrl-C): one line on stderr says whether completed work is kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED = 130
"""The exit code of an interrupted command."""


@contextmanager
def telling_of_interrupts(kept: str = "") -> Iterator[None]:
    """End the process with one line on stderr if it is interrupted.

    Args:
        kept: What happens to completed work; empty if it is lost.
    """
    try:
        yield
    except KeyboardInterrupt:
        end_interrupted(kept)


def goes_on(*, overwrite: bool) -> str:
    """Return how to resume a command that caches its work in its folder."""
    without = " without --overwrite" if overwrite else ""
    return f"run the same command{without} again to resume"


def end_interrupted(kept: str = "") -> NoReturn:
    """End the process with one line on stderr."""
    print(f"interrupted; {kept}" if kept else "interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)
