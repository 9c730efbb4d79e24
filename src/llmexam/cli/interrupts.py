"""Handling of interrupts (Ctrl-C): one line on stderr says whether completed work is kept."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

INTERRUPTED = 130
"""The exit code of an interrupted command."""


TERMINATED = 143
"""The exit code of a command that was ended by SIGTERM and could tidy up."""


class _Terminated(KeyboardInterrupt):
    """The system asked the process to end."""


@contextmanager
def telling_of_interrupts(kept: str = "", *, terminated: bool = False) -> Iterator[None]:
    """End the process with one line on stderr if it is interrupted.

    Args:
        kept: What happens to completed work; empty if it is lost.
        terminated: Whether SIGTERM counts as an interrupt, too, because there is something to tidy
            up.
    """
    before = signal.signal(signal.SIGTERM, _terminate) if terminated else None
    try:
        yield
    except _Terminated:
        print(f"terminated; {kept}" if kept else "terminated", file=sys.stderr)
        sys.exit(TERMINATED)
    except KeyboardInterrupt:
        end_interrupted(kept)
    finally:
        if terminated:
            signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: object) -> NoReturn:
    raise _Terminated


def goes_on(*, overwrite: bool) -> str:
    """Return how to resume a command that caches its work in its folder."""
    without = " without --overwrite" if overwrite else ""
    return f"run the same command{without} again to resume"


def end_interrupted(kept: str = "") -> NoReturn:
    """End the process with one line on stderr."""
    print(f"interrupted; {kept}" if kept else "interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)
