"""Estimate for a decoder: tokens are counted, their speed is measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmexam.exam.question import Question
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import QUESTIONS_A_CALL
from llmexam.workflows.estimate.prediction import (
    LIBRARIES,
    PLAIN_TOKENS,
    TOKENS,
    WEIGHTS,
    Prediction,
    Spread,
    Timed,
)
from llmexam.workflows.estimate.timed import (
    FEWEST_ROUNDS,
    MOST_ROUNDS,
    ROUND_SECONDS,
    fit_line,
    predict_seconds,
    say_measured,
)

if TYPE_CHECKING:
    from llmexam.lm.decoder import Group, LikelihoodScorer
    from llmexam.solvers.causal_lm.solver import CausalLmSolver

Clock = Callable[[], float]


class DecoderReads:
    """Solver `causal-lm`, counted and timed.

    Args:
        settings: Its settings; what it keeps on disk is not used, for that takes no time.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.solver: CausalLmSolver = create_solver(  # type: ignore[assignment]
            "causal-lm", {**settings, "cache_dir": None}
        )

    @property
    def n_tokens(self) -> int:
        """Tokens of a batch, padding included."""
        return self._scorer.n_tokens

    @property
    def shares(self) -> bool:
        """Whether shared tokens of requests are computed once."""
        return self._scorer.decoder.shares

    def load(self) -> Mapping[str, int]:
        """Load the model, and return the memory of its parts; `available` is the free memory."""
        import psutil
        import torch

        from llmexam.lm.decoder import LOGIT_BYTES, layer_bytes_per_token

        resident = psutil.Process().memory_info().rss
        decoder = self._scorer.decoder
        # Found out once, by a few tokens: it belongs to the loading.
        _ = decoder.shares
        on_card = decoder.device.type == "cuda"
        config = decoder.model.config.get_text_config()
        weights = int(decoder.model.get_memory_footprint())
        # The model is loaded already, and so is Python.
        free = psutil.virtual_memory().available + weights + resident
        if on_card:
            # What this process holds there it may use again, whichever model that was for.
            held = torch.cuda.memory_reserved(decoder.device)
            free = torch.cuda.mem_get_info(decoder.device)[0] + held
        return {
            WEIGHTS: weights,
            "keys and values": self.n_tokens * decoder.cache_bytes_per_token,
            "a layer's work": self.n_tokens * layer_bytes_per_token(config, decoder.dtype),
            "logits": 0 if decoder.has_binary_head else 2 * LOGIT_BYTES,
            **({} if on_card else {LIBRARIES: resident}),
            "available": free,
        }

    def requests(self, questions: Sequence[Question]) -> list[Group]:
        """Return the requests for each question."""
        return [list(group) for group in self.solver.requests(questions)]

    def compute(self, groups: Sequence[Group]) -> int:
        """Score groups without a cache, and return the number of computed tokens, with padding."""
        from llmexam.lm.decoder import LikelihoodScorer

        fresh = LikelihoodScorer(self._scorer.decoder, n_tokens=self.n_tokens)
        fresh.score(groups)
        return fresh.work.padded

    @property
    def _scorer(self) -> LikelihoodScorer:
        from llmexam.lm.decoder import LikelihoodScorer

        scorer = self.solver.scorer
        assert isinstance(scorer, LikelihoodScorer)
        return scorer


def predict_decoder(
    questions: Sequence[Question],
    reads: DecoderReads,
    *,
    name: str = "causal-lm",
    n_questions: int | None = None,
    samples: Sequence[int] = (4, 16),
    clock: Clock = time.perf_counter,
) -> Prediction:
    """Return the estimated cost of a decoder, from questions of the exam.

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
    """Return some items, evenly spaced."""
    n = min(n, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * n)] for i in range(n)]


def _calls(
    questions: Sequence[Question], reads: DecoderReads
) -> list[tuple[list[Group], list[Group]]]:
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
    groups: Sequence[Group], reads: DecoderReads, samples: Sequence[int], clock: Clock
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
