"""Seconds of a whole exam from a few samples: so much a call, so much for what is read."""

from __future__ import annotations

from collections.abc import Sequence

from llmexam.workflows.estimate.prediction import Spread, Timed

# Rounds of samples: two tell of a spread; more only where they take no time.
FEWEST_ROUNDS = 2
MOST_ROUNDS = 5
ROUND_SECONDS = 10.0


def fit_line(timed: Sequence[Timed]) -> tuple[float, float]:
    """Return seconds a call and seconds a unit: a line by least squares, or one through zero."""
    n = len(timed)
    units = sum(one.n_units for one in timed) / n
    seconds = sum(one.seconds for one in timed) / n
    spread = sum((one.n_units - units) ** 2 for one in timed)
    rise = sum((one.n_units - units) * (one.seconds - seconds) for one in timed)
    if spread > 0 and rise > 0:
        rate = rise / spread
        each = seconds - rate * units
        if each >= 0:
            return each, rate
    # Where noise hides the line, all of the time is the units'.
    return 0.0, max(seconds / max(units, 1), 1e-12)


def predict_seconds(rounds: Sequence[Sequence[Timed]], n_calls: int, n_units: float) -> Spread:
    """Return the seconds of some calls, with the spread of what each round would have said.

    Args:
        rounds: Samples, each round of the same sizes.
        n_calls: Calls of the whole exam.
        n_units: What is read in them.
    """

    def say(timed: Sequence[Timed]) -> float:
        each, rate = fit_line(timed)
        return each * n_calls + rate * n_units

    every = [one for timed in rounds for one in timed]
    # A single round still has samples that differ.
    parts = rounds if len(rounds) > 1 else [[one] for one in every]
    return Spread.around(say(every), [say(timed) for timed in parts if timed])


def say_measured(rounds: Sequence[Sequence[Timed]]) -> str:
    """Return in words on what was measured.

    >>> say_measured([[Timed(4, 40, 1.0), Timed(16, 160, 2.0)]] * 2)
    'on 4 and 16 questions, 2 times'
    """
    sizes = " and ".join(f"{one.n_questions}" for one in rounds[0])
    times = f", {len(rounds)} times" if len(rounds) > 1 else ", once"
    return f"on {sizes} questions{times}"
