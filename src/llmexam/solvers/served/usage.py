"""What answers took: requests, tokens, money; and how many could not be read."""

from __future__ import annotations

from dataclasses import dataclass, fields

from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request
from llmexam.solvers.served.settings import ServedSettings

_MILLION = 1e6


@dataclass(slots=True)
class Usage:
    """What a solver's answers took so far; each answer counts once.

    Attributes:
        n_requests: Answers that this solver asked for and got.
        n_kept: Answers that an earlier run, or another, had asked for.
        n_retries: Tries beyond the first.
        prompt_tokens: Tokens sent for `n_requests` answers.
        completion_tokens: Tokens of these answers.
        cost: Price of these tokens, in the currency of the settings' prices.
        kept_cost: Price of the tokens of the answers that were kept.
        n_uncounted: Answers whose tokens the endpoint did not count; they are not in the sums
            of tokens, and in the cost as estimated.
        n_lenient: Answers that were more than letters, and could be read.
        n_unread: Answers from which no letter could be read: all options tie.
    """

    n_requests: int = 0
    n_kept: int = 0
    n_retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    kept_cost: float = 0.0
    n_uncounted: int = 0
    n_lenient: int = 0
    n_unread: int = 0

    def since(self, earlier: Usage) -> Usage:
        """Return what came after an earlier state."""
        return Usage(
            **{
                one.name: getattr(self, one.name) - getattr(earlier, one.name)
                for one in fields(self)
            }
        )

    def __str__(self) -> str:
        """Return it in words; nothing where nothing was asked or found."""
        if not self.n_requests + self.n_kept:
            return ""
        parts = [
            f"{self.n_requests:,} answers requested",
            f"{self.n_kept:,} cached",
            f"{self.prompt_tokens:,} prompt tokens and {self.completion_tokens:,} "
            "completion tokens",
        ]
        if self.cost or self.kept_cost:
            parts.append(f"cost {self.cost:.4g}, and {self.kept_cost:.4g} for cached answers")
        for n, what in (
            (self.n_retries, "retries"),
            (self.n_uncounted, "answers without a token count"),
            (self.n_lenient, "answers parsed leniently"),
            (self.n_unread, "answers that could not be parsed"),
        ):
            if n:
                parts.append(f"{n:,} {what}")
        return "; ".join(parts)


class Meter:
    """Counts what answers take, and holds them to the budget.

    Args:
        settings: Prices and budget.

    Attributes:
        usage: What was used so far.
        latencies: Seconds that each answer took that was asked for.
    """

    def __init__(self, settings: ServedSettings) -> None:
        self._settings = settings
        self._reserved = 0.0
        self._n_under_way = 0
        self._dearest = 0.0
        self.usage = Usage()
        self.latencies: list[float] = []

    def may_ask(self, request: Request) -> bool:
        """Tell whether the budget has room for a request beside those under way."""
        limit = self._settings.max_cost
        spent = self.usage.cost + self.usage.kept_cost + self._reserved
        return limit is None or spent + self._estimate(request) <= limit

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, so that what is spent is known."""
        return self._n_under_way == 0

    def reserve(self, request: Request) -> float:
        """Set aside what a request may cost while it is under way, and return how much."""
        amount = self._estimate(request)
        self._reserved += amount
        self._n_under_way += 1
        return amount

    def release(self, amount: float) -> None:
        """Take back what was set aside."""
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
        """Return the price of an answer's tokens, estimated where the endpoint did not count."""
        if reply.prompt_tokens is None:
            return self._estimate(request)
        return self._price(reply.prompt_tokens, reply.completion_tokens or 0)

    def _estimate(self, request: Request) -> float:
        answered = request.body.get(self._settings.max_tokens_name) or 0
        # Languages and vocabularies differ: what was dear before may be so again.
        return max(self._dearest, self._price(request.likely_tokens, int(answered)))

    def _price(self, n_sent: int, n_answered: int) -> float:
        settings = self._settings
        price = n_sent * settings.prompt_price + n_answered * settings.completion_price
        return price / _MILLION
