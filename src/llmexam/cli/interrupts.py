"""What an interrupt (Ctrl-C) is answered with: one line, and whether anything is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED = 130
"""The exit code of an interrupted command."""


@contextmanager
def telling_of_interrupts(kept: str = "") -> Iterator[None]:
    """End the process with one line on stderr when it is interrupted.

    Args:
        kept: What the same command does with what is done already; nothing where that is lost.
    """
    try:
        yield
    except KeyboardInterrupt:
        end_interrupted(kept)


def goes_on(*, fresh: bool) -> str:
    """Return what to say of a command that goes on in its folder, unless it begins anew."""
    without = " without --fresh" if fresh else ""
    return f"the same command{without} goes on where this one was"


def end_interrupted(kept: str = "") -> NoReturn:
    """End the process with one line on stderr."""
    print(f"interrupted; {kept}" if kept else "interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)
