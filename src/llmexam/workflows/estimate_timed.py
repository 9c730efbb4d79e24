"""What any solver takes for an exam: a few questions timed, and no question twice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from llmexam.exam.question import Question
from llmexam.solvers.protocol import Solver
from llmexam.workflows.estimate_line import (
    FEWEST_ROUNDS,
    MOST_ROUNDS,
    ROUND_SECONDS,
    fit_line,
    predict_seconds,
    say_measured,
)
from llmexam.workflows.estimate_prediction import Prediction, Timed
from llmexam.workflows.solve import QUESTIONS_A_CALL
from llmexam.workflows.stages import peak_memory_mb


def predict_timed(
    questions: Sequence[Question],
    solver: Solver,
    *,
    name: str,
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
    clock: Callable[[], float] = time.perf_counter,
) -> Prediction:
    """Return what a solver takes for an exam, from its own questions.

    Seconds are a line through what samples took: so much a call, so much a character of prompt,
    options and passages. Each sample has questions of its own, for solvers remember.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: What it is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        samples: Numbers of questions to time.
        clock: What tells the time, in seconds.
    """
    drawn = [questions[int(i)] for i in np.random.default_rng(0).permutation(len(questions))]
    begin = clock()
    solver.score(drawn[:1])
    opening = clock() - begin
    rounds = _time_samples(drawn[1:] or drawn, solver, samples, clock)
    each, rate = fit_line([one for timed in rounds for one in timed])
    # The first call has scored a question, too.
    loading = max(0.0, opening - each - rate * _count(drawn[0]))
    wanted = n_questions or len(questions)
    n_characters = sum(map(_count, questions)) * wanted / len(questions)
    # A solver that gets all at once is called once.
    whole = bool(getattr(solver, "whole_exam", False))
    n_calls = 1 if whole else math.ceil(wanted / QUESTIONS_A_CALL)
    moving = predict_seconds(rounds, n_calls, n_characters)
    memory, free = _memory()
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
    )


def _time_samples(
    drawn: Sequence[Question],
    solver: Solver,
    samples: Sequence[int],
    clock: Callable[[], float],
) -> list[list[Timed]]:
    rounds: list[list[Timed]] = []
    at, spent = 0, 0.0
    # Few questions are shared out, so that there are two sizes even then.
    sizes = sorted(samples)
    if sum(sizes) > len(drawn):
        sizes = sorted({max(1, len(drawn) // 3), max(1, len(drawn) - len(drawn) // 3)})
        sizes = sizes if sum(sizes) <= len(drawn) else [len(drawn)]
    while len(rounds) < MOST_ROUNDS and at + sum(sizes) <= len(drawn):
        if len(rounds) >= FEWEST_ROUNDS and spent >= ROUND_SECONDS:
            break
        timed = []
        for size in sizes:
            asked = drawn[at : at + size]
            at += size
            begin = clock()
            solver.score(asked)
            timed.append(Timed(size, sum(map(_count, asked)), clock() - begin))
        rounds.append(timed)
        spent += sum(one.seconds for one in timed)
    return rounds


def _count(question: Question) -> int:
    texts = [question.prompt, *question.options, *(p.text for p in question.passages)]
    return sum(map(len, texts))


def _memory() -> tuple[dict[str, int], int]:
    import psutil

    resident = int(psutil.Process().memory_info().rss)
    largest = max(resident, int(peak_memory_mb() * 1e6))
    return {"this process at its largest": largest}, psutil.virtual_memory().available + resident
