"""Usage of a served model: requests, tokens, cost and unparsed answers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request

_MILLION = 1e6


@dataclass(slots=True)
class Usage:
    """Usage of a solver so far; each answer counts once.

    Attributes:
        n_requests: Answers received by this solver.
        n_kept: Answers from the cache.
        n_retries: Retries.
        prompt_tokens: Tokens sent for `n_requests` answers.
        completion_tokens: Tokens of these answers.
        cost: Price of these tokens, in the currency of the settings' prices.
        kept_cost: Price of the tokens of the answers from the cache.
        n_uncounted: Answers without token counts; the sums of tokens lack them, and the cost
            has an estimate.
        n_logprobs: Answers that were scored by log-probabilities of letters.
        letter_shares: Sum over these answers of the probability that the letters held together.
        n_fallen_back: Answers whose letters held too little probability, so that the question was
            sent again, for letters as text.
        n_strict: Answers of letters and nothing else.
        n_lenient: Answers that were parsed leniently.
        n_unread: Answers without any letter: all options tie.
        n_refused: Requests that the endpoint rejected, where a solver goes on without them.
        n_fallback: Rows that got a fixed answer, because there was none that could be used.
    """

    n_requests: int = 0
    n_kept: int = 0
    n_retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    kept_cost: float = 0.0
    n_uncounted: int = 0
    n_logprobs: int = 0
    letter_shares: float = 0.0
    n_fallen_back: int = 0
    n_strict: int = 0
    n_lenient: int = 0
    n_unread: int = 0
    n_refused: int = 0
    n_fallback: int = 0

    def since(self, earlier: Usage) -> Usage:
        """Return the usage since an earlier one."""
        return Usage(
            **{
                one.name: getattr(self, one.name) - getattr(earlier, one.name)
                for one in fields(self)
            }
        )

    def __str__(self) -> str:
        """Return the usage as text; empty without requests and cached answers."""
        if not self.n_requests + self.n_kept + self.n_refused:
            return ""
        parts = [
            f"{self.n_requests:,} answers requested",
            f"{self.n_kept:,} cached",
            f"{self.prompt_tokens:,} prompt tokens and {self.completion_tokens:,} "
            "completion tokens",
        ]
        if self.cost or self.kept_cost:
            parts.append(f"cost {self.cost:.4g}, and {self.kept_cost:.4g} for cached answers")
        if self.n_logprobs:
            share = self.letter_shares / self.n_logprobs
            parts.append(
                f"{self.n_logprobs:,} scored by log-probabilities (mean total probability of the "
                f"letters: {share:.1%})"
            )
        for n, what in (
            (self.n_fallen_back, "sent again for text, because letters had too little probability"),
            (self.n_strict, "answers parsed strictly"),
            (self.n_retries, "retries"),
            (self.n_uncounted, "answers without a token count"),
            (self.n_lenient, "answers parsed leniently"),
            (self.n_unread, "answers that could not be parsed"),
            (self.n_refused, "requests rejected by the endpoint"),
            (self.n_fallback, "rows answered with the fallback"),
        ):
            if n:
                parts.append(f"{n:,} {what}")
        return "; ".join(parts)


class Meter:
    """Counts usage and enforces the budget.

    Args:
        settings: Prices and budget.

    Attributes:
        usage: Usage so far.
        latencies: Seconds per received answer.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._reserved = 0.0
        self._n_under_way = 0
        self._dearest = 0.0
        self.usage = Usage()
        self.latencies: list[float] = []

    def may_ask(self, request: Request) -> bool:
        """Return whether the budget allows a request in addition to pending ones."""
        limit = self._settings.max_cost
        spent = self.usage.cost + self.usage.kept_cost + self._reserved
        return limit is None or spent + self.estimate(request) <= limit

    @property
    def is_idle(self) -> bool:
        """Whether no request is pending, so that the cost is final."""
        return self._n_under_way == 0

    def reserve(self, request: Request) -> float:
        """Reserve the maximum cost of a pending request, and return it."""
        amount = self.estimate(request)
        self._reserved += amount
        self._n_under_way += 1
        return amount

    def release(self, amount: float) -> None:
        """Release a reservation."""
        self._reserved -= amount
        self._n_under_way -= 1

    def count(self, request: Request, reply: Reply, *, kept: bool) -> None:
        """Count an answer."""
        usage, cost = self.usage, self.cost_of(request, reply)
        self._dearest = max(self._dearest, cost)
        if kept:
            usage.n_kept += 1
            usage.kept_cost += cost
            return
        usage.n_requests += 1
        usage.cost += cost
        if reply.prompt_tokens is None:
            usage.n_uncounted += 1
        usage.prompt_tokens += reply.prompt_tokens or 0
        usage.completion_tokens += reply.completion_tokens or 0

    def cost_of(self, request: Request, reply: Reply) -> float:
        """Return the price of an answer's tokens, estimated if the endpoint did not count them."""
        if reply.prompt_tokens is None:
            return self.estimate(request)
        return self.price(reply.prompt_tokens, reply.completion_tokens or 0)

    def estimate(self, request: Request) -> float:
        """Return the price of an answer of the greatest length; rather too high than too low."""
        answered = request.body.get(self._settings.max_tokens_name) or 0
        # Token counts depend on language and vocabulary: assume at least the highest price so far.
        return max(self._dearest, self.price(request.likely_tokens, int(answered)))

    def price(self, n_sent: int, n_answered: int) -> float:
        """Return the price of tokens that were sent and answered."""
        settings = self._settings
        price = n_sent * settings.prompt_price + n_answered * settings.completion_price
        return price / _MILLION
