"""What combinations of solvers are worth, as far as there is time to compute it."""

from __future__ import annotations

from llmexam.tasks.limited import Worth
from llmexam.workflows.run.limit.deadline import Clock


class TimedWorth:
    """Computes the worth of each combination once, and of new ones only for some seconds.

    Single solvers are always valued. A combination for which no time was left is not known, as
    those of solvers that the earlier run did not have.

    Args:
        worth: Computes the worth.
        seconds: How long that may take in all.
        clock: Returns the time, in seconds.
    """

    def __init__(self, worth: Worth, seconds: float, clock: Clock) -> None:
        self._worth = worth
        self._left = seconds
        self._clock = clock
        self._known: dict[frozenset[str], float | None] = {}
        self._is_complete = True

    @property
    def source(self) -> str:
        """Where the values are from, and whether the time was enough for all combinations."""
        source = self._worth.source
        some = "; there was no time to value all combinations"
        return source if self._is_complete or not source else source + some

    def of(self, names: frozenset[str]) -> float | None:
        """Return the value of a combination; None if it is not known or no time was left."""
        if names not in self._known:
            if self._left <= 0 and len(names) > 1:
                self._is_complete = False
                return None
            began = self._clock()
            self._known[names] = self._worth.of(names)
            self._left -= self._clock() - began
        return self._known[names]
