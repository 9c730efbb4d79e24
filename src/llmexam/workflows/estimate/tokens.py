"""What a decoder takes for an exam: tokens counted, their speed measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from llmexam.exam.question import Question
from llmexam.solvers.scoring import QUESTIONS_A_CALL
from llmexam.workflows.estimate.line import (
    FEWEST_ROUNDS,
    MOST_ROUNDS,
    ROUND_SECONDS,
    fit_line,
    predict_seconds,
    say_measured,
)
from llmexam.workflows.estimate.prediction import Prediction, Spread, Timed

if TYPE_CHECKING:
    from llmexam.lm.decoder import Group

Clock = Callable[[], float]
TOKENS = "tokens"
PLAIN_TOKENS = "tokens without shared prefixes"
"""Keys of `Prediction.counts`."""


class Reads(Protocol):
    """A solver that a decoder answers for, whose work can be counted before it is done."""

    @property
    def n_tokens(self) -> int:
        """Tokens of a batch, padding included."""
        ...

    @property
    def shares(self) -> bool:
        """Whether what requests have in common is computed once."""
        ...

    def load(self) -> Mapping[str, int]:
        """Load the model, and return the bytes that its parts take, by what they are."""
        ...

    def requests(self, questions: Sequence[Question]) -> list[Group]:
        """Return what is asked of the model: a group a question, then those without content."""
        ...

    def compute(self, groups: Sequence[Group]) -> int:
        """Score groups as a fresh run would, and return the tokens computed, with padding."""
        ...


def predict_decoder(
    questions: Sequence[Question],
    reads: Reads,
    *,
    name: str = "causal-lm",
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
    clock: Clock = time.perf_counter,
) -> Prediction:
    """Return what a decoder takes for an exam, from its own questions.

    Seconds are a line through what samples of two sizes took: so much a call, so much a token.

    Args:
        questions: The questions, with their evidence.
        reads: The model.
        name: What the solver is called.
        n_questions: Size of the exam to plan for; by default that of `questions`.
        samples: Numbers of questions to time.
        clock: What tells the time, in seconds.
    """
    from llmexam.lm.decoder import count_work

    begin = clock()
    memory = dict(reads.load())
    loaded = clock()
    calls = _calls(questions, reads)
    prompt_seconds = clock() - loaded
    every = [call for both in calls for call in both if call]
    free = [without for _, without in calls if without]
    work = count_work(every, n_tokens=reads.n_tokens)
    work_free = count_work(free, n_tokens=reads.n_tokens)
    rounds = _time_samples([group for own, _ in calls for group in own], reads, samples, clock)
    wanted = n_questions or len(questions)
    scale = wanted / len(questions)
    # Where prompts without content are alike, a larger exam has no more of them.
    alike = 1 - min(1.0, sum(map(len, free)) / len(questions))

    def scaled(own: int, of_free: int) -> int:
        return round(own + (own - of_free * alike) * (scale - 1))

    n_plain = scaled(work.plain, work_free.plain)
    n_tokens = scaled(work.padded, work_free.padded) if reads.shares else n_plain
    n_calls = math.ceil(wanted / QUESTIONS_A_CALL) + scaled(len(free), len(free))
    computing = predict_seconds(rounds, n_calls, n_tokens)
    _, rate = fit_line([one for timed in rounds for one in timed])
    available = memory.pop("available")
    return Prediction(
        name,
        wanted,
        fixed_seconds=loaded - begin,
        moving=computing + Spread.exact(prompt_seconds * scale),
        counts={
            TOKENS: Spread.exact(n_tokens),
            PLAIN_TOKENS: Spread.exact(n_plain),
        },
        speed=f"{1 / rate:,.0f} tokens/s, measured {say_measured(rounds)}",
        timed=tuple(one for timed in rounds for one in timed),
        memory=memory,
        available_bytes=available,
    )


def spread_over(items: Sequence[Any], n: int) -> list[Any]:
    """Return some items, spread evenly."""
    n = min(n, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * n)] for i in range(n)]


def _calls(questions: Sequence[Question], reads: Reads) -> list[tuple[list[Group], list[Group]]]:
    """Return what a run asks, call by call: of the questions, and then without their content."""
    seen: set[tuple[Any, ...]] = set()
    calls = []
    for begin in range(0, len(questions), QUESTIONS_A_CALL):
        batch = questions[begin : begin + QUESTIONS_A_CALL]
        groups = [tuple(group) for group in reads.requests(batch)]
        # What was asked without content is known from then on.
        free = [group for group in dict.fromkeys(groups[len(batch) :]) if group not in seen]
        seen.update(free)
        calls.append((_once(groups[: len(batch)]), _once(free)))
    return calls


def _once(groups: Sequence[Group]) -> list[Group]:
    """Return groups without requests that stand in one before: they are scored once a call."""
    seen: set[Any] = set()
    kept: list[Group] = []
    for group in groups:
        fresh = [request for request in dict.fromkeys(group) if request not in seen]
        seen.update(fresh)
        if fresh:
            kept.append(fresh)
    return kept


def _time_samples(
    groups: Sequence[Group], reads: Reads, samples: Sequence[int], clock: Clock
) -> list[list[Timed]]:
    # By length, so that a small sample has long and short ones, too.
    ordered = sorted(groups, key=lambda group: sum(len(request.tokens) for request in group))
    reads.compute(_once(spread_over(ordered, 1)))
    sizes = sorted({min(n, len(groups)) for n in samples})
    rounds: list[list[Timed]] = []
    spent = 0.0
    while len(rounds) < FEWEST_ROUNDS or (len(rounds) < MOST_ROUNDS and spent < ROUND_SECONDS):
        timed = []
        for size in sizes:
            begin = clock()
            n_tokens = reads.compute(_once(spread_over(ordered, size)))
            timed.append(Timed(size, n_tokens, clock() - begin))
        rounds.append(timed)
        spent += sum(one.seconds for one in timed)
    return rounds
