"""The time that is left, the pace of a solver, and the speed of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

Clock = Callable[[], float]

# Writing the results: so much, so much an item, but no more than this share of the limit.
_RESERVE_SECONDS = 6.0
_RESERVE_EACH = 0.004
_RESERVE_SHARE = 0.15
_LARGEST_SHARE = 0.3
# A solver that is faster than this tells nothing about the speed of the machine.
_LEAST_SECONDS = 2.0
_FASTEST, _SLOWEST = 0.1, 100.0


def reserve_for(limit: float, n_items: int) -> float:
    """Return the seconds to keep for writing the results.

    >>> reserve_for(120, 200), reserve_for(32_400, 4_000), reserve_for(20, 200)
    (6.8, 22.0, 3.0)
    """
    return round(min(_RESERVE_SECONDS + _RESERVE_EACH * n_items, _RESERVE_SHARE * limit), 3)


@dataclass(frozen=True)
class Deadline:
    """When a run must have ended, and when its solvers must have.

    Attributes:
        limit: Seconds that the run may take.
        reserve: Seconds of it that are kept for writing the results.
        started: When it started, by the clock.
        clock: Returns the time, in seconds.
    """

    limit: float
    reserve: float
    started: float
    clock: Clock = time.monotonic

    def on_slow_machine(self, factor: float) -> Deadline:
        """Return the same with a larger reserve, on a machine that is slower by a factor."""
        largest = max(self.reserve, _LARGEST_SHARE * self.limit)
        return replace(self, reserve=min(largest, self.reserve * max(1.0, factor)))

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.started

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.limit - self.elapsed

    @property
    def work_left(self) -> float:
        """Seconds until solvers must have ended."""
        return self.left - self.reserve


@dataclass
class Pace:
    """How fast a step proceeds, from what it reports.

    The time of the first items includes loading, so the pace is measured from the first report of
    finished items on.

    Attributes:
        began: When the step began.
        n_done: Items done.
        n_all: All items; None as long as that is not known.
        stage: The stage that these items are those of.
        last: When it last reported finished items.
    """

    began: float
    n_done: int = 0
    n_all: int | None = None
    stage: str = ""
    last: float = 0.0
    _first: tuple[float, int] | None = field(default=None, repr=False)
    _base: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.last = self.began

    def advance(self, now: float, n_done: int, n_all: int | None, stage: str = "") -> None:
        """Take a report: items done and all items of a stage."""
        if n_all is None:
            return
        is_same = self._base is not None and (self.stage, self.n_all) == (stage, n_all)
        if not is_same or n_done < self.n_done:
            # Another stage of the step, or what an earlier start had done.
            self._base, self._first = n_done, None
        elif n_done > self.n_done:
            if self._first is None:
                self._first = (now, n_done)
            self.last = now
        self.n_done, self.n_all, self.stage = n_done, n_all, stage

    @property
    def seconds_each(self) -> float | None:
        """Seconds an item without loading; None before two reports of finished items."""
        if self._first is None or self.n_done <= self._first[1]:
            return None
        return (self.last - self._first[0]) / (self.n_done - self._first[1])

    @property
    def seconds_measured(self) -> float:
        """Seconds between the first and the last report of finished items."""
        return 0.0 if self._first is None else self.last - self._first[0]

    def seconds_left(self, now: float) -> float | None:
        """Return how long the rest will take; None as long as that is not known."""
        each = self.seconds_each
        if each is None or self.n_all is None:
            return None
        # What has gone by since the last report belongs to the next items.
        return max(0.0, each * (self.n_all - self.n_done) - (now - self.last))


@dataclass
class Speed:
    """How much slower this machine is than was predicted, from what was measured.

    Attributes:
        predicted: Seconds that measured work should have taken.
        measured: Seconds that it took.
    """

    predicted: float = 0.0
    measured: float = 0.0

    def add(self, predicted: float, measured: float) -> None:
        """Take the measured seconds of work that was predicted."""
        if max(predicted, measured) >= _LEAST_SECONDS:
            self.predicted += predicted
            self.measured += measured

    @property
    def factor(self) -> float:
        """Measured over predicted seconds; 1 as long as nothing was measured."""
        if not self.predicted:
            return 1.0
        return min(_SLOWEST, max(_FASTEST, self.measured / self.predicted))
