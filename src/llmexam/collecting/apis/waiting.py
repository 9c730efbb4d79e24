"""When the next request may be sent: intervals, Retry-After, exponential backoff with jitter."""

from __future__ import annotations

import random
import threading
from datetime import UTC
from email.utils import parsedate_to_datetime

from llmexam.collecting.apis.clock import Clock

_BACKOFF_SECONDS = 1.0
# Short sleeps notice that the collection was stopped.
_LONGEST_SLEEP = 1.0


class StoppedError(Exception):
    """The collection ended while a request waited for its turn."""


class Pace:
    """The pace of requests to one host, shared by threads.

    Args:
        clock: The clock.
        interval: Shortest time between the starts of two requests, in seconds.
    """

    def __init__(self, clock: Clock, interval: float) -> None:
        self.interval = interval
        self._clock = clock
        self._next = clock.monotonic()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def wait_for_turn(self) -> float:
        """Wait until a request may be sent, and return how many seconds that took.

        Raises:
            StoppedError: The collection ended.
        """
        waited = 0.0
        while True:
            if self._stopped.is_set():
                raise StoppedError
            with self._lock:
                now = self._clock.monotonic()
                missing = self._next - now
                if missing <= 0:
                    self._next = now + self.interval
                    return waited
            step = min(missing, _LONGEST_SLEEP)
            self._clock.sleep(step)
            waited += step

    def hold(self, seconds: float) -> None:
        """Let all requests wait for so long, because the server asked for it or failed."""
        with self._lock:
            self._next = max(self._next, self._clock.monotonic() + seconds)

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()


def retry_after(value: str | None, clock: Clock) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, or None if it says nothing.

    Args:
        value: The header: seconds or an HTTP date.
        clock: The clock, for dates.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - clock.now()).total_seconds())


def backoff(attempt: int, *, seed: int, key: str) -> float:
    """Return the seconds to wait after a failed attempt: 1, 2, 4 ... times a jitter of 0.5 to 1.

    Args:
        attempt: Number of the failed attempt, from 1.
        seed: Random seed.
        key: What identifies the request, so that requests that fail together retry apart.
    """
    jitter = random.Random(f"{seed}:{key}:{attempt}").uniform(0.5, 1.0)
    return _BACKOFF_SECONDS * float(2 ** (attempt - 1)) * jitter
