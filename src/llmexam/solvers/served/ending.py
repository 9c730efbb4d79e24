"""End a process that is told to (SIGTERM) after a last piece of work, not at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Ending:
    """Whether the process was told to end.

    Attributes:
        is_asked: Whether the signal came.
    """

    is_asked: bool = False


@contextmanager
def ending_gently(stop: Callable[[], None]) -> Iterator[Ending]:
    """Put off the end of the process on SIGTERM until the block is left.

    A second signal ends it at once. Outside of the main thread, and where the signal is ignored,
    nothing changes.

    Args:
        stop: Called when the signal comes, in the main thread between two steps of the
            interpreter.
    """
    ending = Ending()
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    if not is_main or before in (signal.SIG_IGN, None):
        yield ending
        return

    def ask(number: int, frame: Any) -> None:
        ending.is_asked = True
        signal.signal(signal.SIGTERM, before)
        stop()

    signal.signal(signal.SIGTERM, ask)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
        if ending.is_asked:
            # What the signal does without us: mostly, the process ends here.
            signal.raise_signal(signal.SIGTERM)
