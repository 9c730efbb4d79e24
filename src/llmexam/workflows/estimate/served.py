"""Estimate for a served model: requests are counted, a few of them are sent and timed.

Answers are kept, so what a prediction asks for costs nothing again in the run it is for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from llmexam.exam.question import Question
from llmexam.workflows.estimate.prediction import (
    ANSWERED,
    COST,
    KEPT,
    REQUESTS,
    SENT,
    Prediction,
    Spread,
    Timed,
)

if TYPE_CHECKING:
    from llmexam.solvers.served.replies import Reply
    from llmexam.solvers.served.requests import Request
    from llmexam.solvers.served.solver import ServedSolver
    from llmexam.solvers.served.usage import Usage

# Two standard errors hold about 95 of 100 means.
_ERRORS = 2.0


def predict_served(
    questions: Sequence[Question],
    solver: ServedSolver,
    *,
    name: str = "openai",
    n_questions: int | None = None,
    n_sample: int = 16,
    clock: Callable[[], float] = time.perf_counter,
) -> Prediction:
    """Return the estimated cost of a served model, by sending the requests of a few questions.

    Seconds are requests x their latency / how many are under way at once. Tokens are a line
    through what the endpoint counted for requests of different lengths.

    Args:
        questions: The questions, with their evidence.
        solver: The solver.
        name: What it is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        n_sample: About how many requests to send; kept answers are not asked for again.
        clock: What tells the time, in seconds.

    Raises:
        EndpointError: The endpoint failed, or the budget is used up.
    """
    before = solver.usage
    asked = solver.requests(questions)
    sample = _choose(questions, asked, solver, n_sample)
    n_told = len(solver.latencies)
    begin = clock()
    if sample:
        solver.score(sample)
    seconds = clock() - begin
    latencies = solver.latencies[n_told:]
    used = solver.usage.since(before)
    flat = list({one.key: one for requests in asked for one in requests}.values())
    replies = solver.replies(flat)
    known = [(one, reply) for one, reply in zip(flat, replies, strict=True) if reply is not None]
    new = [one for one, reply in zip(flat, replies, strict=True) if reply is None]
    scale = 1.0
    if n_questions is not None and n_questions != len(questions):
        # Another exam of this kind: none of its answers is there.
        new, scale = flat, n_questions / len(questions)
    n_new = round(len(new) * scale)
    counts = _count(known, new, scale, solver)
    counts = {
        REQUESTS: Spread.exact(n_new),
        KEPT: Spread.exact(0 if new is flat else len(known)),
        **counts,
    }
    timed = (Timed(len(sample), len(latencies), seconds),) if latencies else ()
    at_once = min(solver.settings.most_at_once, max(1, len(latencies)))
    limit = solver.settings.max_cost
    # Those that are kept count in the run, too.
    spent = 0.0 if new is flat else sum(solver.cost_of(one, reply) for one, reply in known)
    return Prediction(
        name,
        n_questions or len(questions),
        fixed_seconds=0.0,
        moving=_seconds(latencies, timed, n_new, at_once),
        counts=counts,
        speed=_say(latencies, at_once),
        timed=timed,
        notes=_notes(used, len(new), solver, own_exam=new is not flat),
        within_budget=limit is None or spent + counts[COST].high <= limit,
    )


def _choose(
    questions: Sequence[Question],
    asked: Sequence[Sequence[Request]],
    solver: ServedSolver,
    n_sample: int,
) -> list[Question]:
    """Return questions of different lengths without a kept answer, for some requests in all."""
    fresh = [
        (question, requests)
        for question, requests in zip(questions, asked, strict=True)
        if all(reply is None for reply in solver.replies(requests))
    ]
    fresh.sort(key=lambda one: one[1][0].likely_tokens)
    if not fresh:
        return []
    n = min(len(fresh), max(1, n_sample // max(1, len(fresh[0][1]))))
    return [fresh[(2 * i + 1) * len(fresh) // (2 * n)][0] for i in range(n)]


def _seconds(
    latencies: Sequence[float], timed: Sequence[Timed], n_new: int, at_once: int
) -> Spread:
    if not latencies:
        return Spread.exact(0.0)
    waves = n_new / max(1, min(at_once, n_new))
    mean, error = _mean(latencies)
    near = [max(0.0, mean - error) * waves, (mean + error) * waves]
    # The sample as a whole: its beginning and end, too, where fewer are under way.
    whole = [one.seconds / one.n_units * n_new for one in timed]
    return Spread.around(mean * waves, [*near, *whole])


def _count(
    known: Sequence[tuple[Request, Reply]],
    new: Sequence[Request],
    scale: float,
    solver: ServedSolver,
) -> dict[str, Spread]:
    """Return tokens and cost of the requests that are still to be sent."""
    settings = solver.settings
    counted = [(one, reply) for one, reply in known if reply.prompt_tokens is not None]
    likely = np.array([float(one.likely_tokens) for one in new])
    answered = [float(reply.completion_tokens or 0) for _, reply in counted]
    if counted:
        x = np.array([float(one.likely_tokens) for one, _ in counted])
        y = np.array([float(reply.prompt_tokens or 0) for _, reply in counted])
        slope, start = _line(x, y)
        rest = y - (start + slope * x)
        error = _ERRORS * float(rest.std(ddof=1)) / math.sqrt(len(y)) if len(y) > 1 else 0.0
        total = float((start + slope * likely).sum())
        sent = Spread(total, max(0.0, total - error * len(new)), total + error * len(new))
        mean, off = _mean(answered)
        each = Spread(mean, max(0.0, mean - off), mean + off)
    else:
        # Nobody has counted: by bytes, rather more than less.
        sent = Spread(float(likely.sum()), 0.5 * float(likely.sum()), float(likely.sum()))
        most = float(new[0].body.get(settings.max_tokens_name) or 0) if new else 0.0
        each = Spread(most, 0.0, most)
    sent, answers = sent.times(scale), each.times(len(new) * scale)
    cost = sent.times(settings.prompt_price / 1e6) + answers.times(settings.completion_price / 1e6)
    return {SENT: sent, ANSWERED: answers, COST: cost}


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return slope and start of a line by least squares, or of one through zero."""
    if len(x) > 2 and float(np.ptp(x)) > 0:
        slope, start = np.polyfit(x, y, 1)
        if slope >= 0 and start >= 0:
            return float(slope), float(start)
    return float(y.sum() / x.sum()), 0.0


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Return a mean, and how far off it may be."""
    if not values:
        return 0.0, 0.0
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, 0.0
    return mean, _ERRORS * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _say(latencies: Sequence[float], at_once: int) -> str:
    if not latencies:
        return "not measured: all answers are cached"
    low, high = min(latencies), max(latencies)
    mean = float(np.mean(latencies))
    return (
        f"{mean:.3g} s per answer ({low:.3g} to {high:.3g}), measured on "
        f"{len(latencies)} requests, {at_once} concurrent"
    )


def _notes(used: Usage, n_new: int, solver: ServedSolver, *, own_exam: bool) -> tuple[str, ...]:
    n_sent, notes = used.n_requests, []
    if n_sent:
        kept = "cached for the run" if own_exam else "cached"
        notes.append(f"{n_sent} requests were sent for this estimate; their answers are {kept}")
    if used.n_uncounted:
        notes.append("the endpoint reports no token counts: they are estimated from bytes")
    if used.n_unread:
        notes.append(f"{used.n_unread} of these answers could not be parsed")
    if used.n_fallen_back:
        notes.append(
            f"{used.n_fallen_back} of these requests were followed by another for letters as text, "
            "which the estimate leaves out; set answers: ranking to send one each"
        )
    # Where nothing is left to send, there is nothing more to find out.
    if n_new and solver.settings.most_at_once > max(1, n_sent):
        notes.append(
            "fewer requests were sent than are sent at once "
            f"({solver.settings.most_at_once}): give a larger --sample"
        )
    return tuple(notes)
