"""The order of solvers: what they are expected to add for their time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from llmexam.tasks.limited import SolverFacts, Worth


@dataclass(frozen=True)
class Forecast:
    """Seconds that a solver is expected to take.

    Attributes:
        fixed: Seconds whatever the number of items, such as loading.
        each: Seconds an item.
    """

    fixed: float
    each: float

    def seconds(self, n_items: int) -> float:
        """Return the seconds for a number of items."""
        return self.fixed + self.each * n_items


@dataclass(frozen=True)
class Next:
    """The solver to run next, and those that have no time left.

    Attributes:
        name: The solver; None if none can run.
        too_long: Expected seconds of solvers that would not finish, by name.
    """

    name: str | None
    too_long: Mapping[str, float]


def choose_next(
    waiting: Sequence[str],
    done: Collection[str],
    *,
    seconds: Mapping[str, float | None],
    worth: Worth,
    facts: Mapping[str, SolverFacts],
    left: float,
) -> Next:
    """Return the waiting solver with the largest expected gain per second that fits into the time.

    Solvers of known positive gain come first, by gain per second. Then come those whose gain is
    not known, the fastest first, and last those that are not expected to add anything. A solver
    whose seconds are not known comes after the others of its group, in the order of the plan. A
    solver that uses the answers of others waits for those.

    Args:
        waiting: Solvers that have not run, in the order of the plan.
        done: Solvers that have answered.
        seconds: Expected seconds of each waiting solver on this machine; None if not known.
        worth: What combinations of solvers are worth.
        facts: What else the order depends on.
        left: Seconds that solvers may still take.
    """
    too_long = {
        name: expected
        for name in waiting
        if (expected := seconds.get(name)) is not None
        and expected > left
        and not facts[name].fits_itself
    }
    ready = [
        name
        for name in waiting
        if name not in too_long and not facts[name].needs & (set(waiting) - set(too_long))
    ]
    before = worth.of(frozenset(done))

    def rank(name: str) -> tuple[int, float, int]:
        expected = seconds.get(name)
        after = worth.of(frozenset({*done, name}))
        is_known = after is not None and worth.of(frozenset({name})) is not None
        gain = after - (before or 0.0) if is_known and after is not None else None
        place = list(waiting).index(name)
        if gain is None:
            return 1, math.inf if expected is None else expected, place
        if gain <= 0:
            return 2, math.inf if expected is None else expected, place
        return 0, 0.0 if expected is None else -gain / max(expected, 1e-3), place

    return Next(min(ready, key=rank, default=None), too_long)


def best_members(names: Sequence[str], worth: Worth) -> tuple[str, ...]:
    """Return the combination of solvers that is worth most, found by adding one at a time.

    Empty if the worth of a solver or of all together is not known. All solvers are kept if leaving
    some out is not worth more.
    """
    if len(names) < 2 or any(worth.of(frozenset({name})) is None for name in names):
        return ()
    everything = worth.of(frozenset(names))
    if everything is None:
        return ()
    chosen: list[str] = []
    value = -math.inf
    while len(chosen) < len(names):
        rest = [name for name in names if name not in chosen]
        values = {name: worth.of(frozenset({*chosen, name})) for name in rest}
        best = max(rest, key=lambda name: _number(values[name]))
        if _number(values[best]) <= value:
            break
        chosen.append(best)
        value = _number(values[best])
    return tuple(chosen) if value > everything else ()


def order_text(worth: Worth) -> str:
    """Return how the order of solvers was chosen, for people."""
    if not worth.source:
        return "Solvers ran in the order of their expected time, because their gain is not known."
    return f"Solvers ran in the order of expected gain per second, by {worth.source}."


def _number(value: float | None) -> float:
    return -math.inf if value is None else value
