"""Estimate for any solver: a sample of distinct questions is timed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from llmexam.exam.question import Question
from llmexam.machine import peak_memory_mb
from llmexam.solvers.protocol import Solver
from llmexam.solvers.scoring import QUESTIONS_A_CALL
from llmexam.workflows.estimate.prediction import PROCESS, Prediction, Spread, Timed

# Rounds of samples: two tell of a spread; more only where they take no time.
FEWEST_ROUNDS = 2
MOST_ROUNDS = 5
ROUND_SECONDS = 10.0


def predict_timed(
    questions: Sequence[Question],
    solver: Solver,
    *,
    name: str,
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
    clock: Callable[[], float] = time.perf_counter,
) -> Prediction:
    """Return the estimated cost of a solver, from questions of the exam.

    Seconds are a line through what samples took: so much a call, so much a character of prompt,
    options and passages. Each sample has questions of its own, for solvers remember. A solver
    that gets all questions at once, for a call is dear, is called once for each of two sizes.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: What it is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        samples: Numbers of questions to time.
        clock: What tells the time, in seconds.
    """
    drawn = [questions[int(i)] for i in np.random.default_rng(0).permutation(len(questions))]
    wanted = n_questions or len(questions)
    n_characters = sum(map(_count, questions)) * wanted / len(questions)
    before = peak_memory_mb()
    if solver.describe().whole_exam:
        loading, rounds = _time_passes(drawn, solver, samples, clock)
        moving = _predict_pass(rounds[0], n_characters)
        notes = [
            f"it scores all questions in one call, so it was called {_times(len(rounds[0]))} only"
        ]
        if not loading:
            notes.append("the first call includes the loading time")
    else:
        loading, rounds = _time_calls(drawn, solver, samples, clock)
        moving = predict_seconds(rounds, math.ceil(wanted / QUESTIONS_A_CALL), n_characters)
        notes = []
    memory, free = _memory(before)
    return Prediction(
        name,
        wanted,
        fixed_seconds=loading,
        moving=moving,
        speed=f"{wanted / max(moving.likely, 1e-9):,.0f} questions/s, measured "
        f"{say_measured(rounds)}",
        timed=tuple(one for timed in rounds for one in timed),
        memory=memory,
        available_bytes=free,
        notes=tuple(notes),
    )


def fit_line(timed: Sequence[Timed]) -> tuple[float, float]:
    """Fit seconds per call and seconds per unit by least squares, neither below 0."""
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
    # With a negative slope or intercept, which is noise, all of the time is assigned to the units.
    return 0.0, max(seconds / max(units, 1), 1e-12)


def predict_seconds(rounds: Sequence[Sequence[Timed]], n_calls: int, n_units: float) -> Spread:
    """Return the estimated seconds of calls, with the range over the rounds of measurement.

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
    """Return a description of the measurements.

    >>> say_measured([[Timed(4, 40, 1.0), Timed(16, 160, 2.0)]] * 2)
    'on 4 and 16 questions, 2 times'
    """
    sizes = " and ".join(f"{one.n_questions}" for one in rounds[0])
    times = f", {len(rounds)} times" if len(rounds) > 1 else ", once"
    return f"on {sizes} questions{times}"


def _time_passes(
    drawn: Sequence[Question],
    solver: Solver,
    samples: Sequence[int],
    clock: Callable[[], float],
) -> tuple[float, list[list[Timed]]]:
    """Return the seconds of loading, and one round of one call a size."""
    begin = clock()
    loading = clock() - begin if solver.load(drawn[:1]) else 0.0
    sizes = sorted({min(samples), max(samples)})
    return loading, [_time_round(drawn, solver, _share_out(sizes, len(drawn)), clock)]


def _predict_pass(timed: Sequence[Timed], n_units: float) -> Spread:
    """Return the seconds of one call for all: more than the larger sample's, if it is larger.

    The line is as good as two calls can tell; what none can tell is how much of the larger one's
    time was its questions': between nothing and all.
    """
    small, large = timed[0], timed[-1]
    apart = large.n_units - small.n_units
    rate = max(0.0, (large.seconds - small.seconds) / apart) if apart > 0 else 0.0
    rate = min(rate, large.seconds / max(large.n_units, 1))
    likely = large.seconds + rate * (n_units - large.n_units)
    all_of_it = large.seconds * n_units / max(large.n_units, 1)
    return Spread.around(likely, [large.seconds, all_of_it])


def _time_calls(
    drawn: Sequence[Question],
    solver: Solver,
    samples: Sequence[int],
    clock: Callable[[], float],
) -> tuple[float, list[list[Timed]]]:
    """Return the seconds of loading, and rounds of calls of different sizes."""
    begin = clock()
    solver.score(drawn[:1])
    opening = clock() - begin
    rounds = _time_samples(drawn[1:] or drawn, solver, samples, clock)
    each, rate = fit_line([one for timed in rounds for one in timed])
    # The first call has scored a question, too.
    return max(0.0, opening - each - rate * _count(drawn[0])), rounds


def _time_samples(
    drawn: Sequence[Question],
    solver: Solver,
    samples: Sequence[int],
    clock: Callable[[], float],
) -> list[list[Timed]]:
    rounds: list[list[Timed]] = []
    at, spent = 0, 0.0
    sizes = _share_out(samples, len(drawn))
    while len(rounds) < MOST_ROUNDS and at + sum(sizes) <= len(drawn):
        if len(rounds) >= FEWEST_ROUNDS and spent >= ROUND_SECONDS:
            break
        rounds.append(_time_round(drawn[at:], solver, sizes, clock))
        at += sum(sizes)
        spent += sum(one.seconds for one in rounds[-1])
    return rounds


def _time_round(
    drawn: Sequence[Question],
    solver: Solver,
    sizes: Sequence[int],
    clock: Callable[[], float],
) -> list[Timed]:
    timed: list[Timed] = []
    at = 0
    for size in sizes:
        asked = drawn[at : at + size]
        at += size
        begin = clock()
        solver.score(asked)
        timed.append(Timed(size, sum(map(_count, asked)), clock() - begin))
    return timed


def _share_out(samples: Sequence[int], n: int) -> list[int]:
    """Return the sizes of samples, smallest first; smaller ones where there are few questions."""
    sizes = sorted(samples)
    if sum(sizes) > n:
        sizes = sorted({max(1, n // 3), max(1, n - n // 3)})
        sizes = sizes if sum(sizes) <= n else [n]
    return sizes


def _times(n: int) -> str:
    return "once" if n == 1 else "twice"


def _count(question: Question) -> int:
    texts = [question.prompt, *question.options, *(p.text for p in question.passages)]
    return sum(map(len, texts))


def _memory(before_mb: float) -> tuple[dict[str, int], int]:
    import psutil

    resident = int(psutil.Process().memory_info().rss)
    peak = peak_memory_mb()
    # A peak from before is not of this solver.
    largest = max(resident, int(peak * 1e6)) if peak > before_mb else resident
    return {PROCESS: largest}, psutil.virtual_memory().available + resident
