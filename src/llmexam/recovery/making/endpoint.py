"""Rewrite texts by a model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from pydantic import ConfigDict, Field

from llmexam.errors import MissingDependencyError
from llmexam.recovery.making.maker import Forecast, Made, MakingSettings, Progress
from llmexam.recovery.making.pairs import Pair
from llmexam.solvers.prompts.wording import as_messages
from llmexam.solvers.served.asking import Asker, require_key
from llmexam.solvers.served.cache import AnswerCache
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.replies import Reply, without_thoughts
from llmexam.solvers.served.requests import Request, endpoint_request
from llmexam.solvers.served.usage import Meter


class EndpointMakerSettings(MakingSettings, EndpointSettings):
    """How an endpoint is asked to rewrite texts."""

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str = Field(
        min_length=1, description="address of the endpoint: https, or http for this machine"
    )
    temperature: float | None = Field(
        0.7, ge=0, le=2, description="sampling temperature; null leaves it out of the request"
    )
    max_tokens: int = Field(512, ge=1, description="longest answer, in tokens")


class EndpointMaker:
    """Asks an endpoint to rewrite texts; each answer is cached on disk as it arrives.

    Requests that the endpoint rejects one by one, such as those its content filter stops, count as
    refused; other failures are an error.

    Args:
        settings: Endpoint, sampling and wording.

    Raises:
        MissingDependencyError: The package openai is not installed.
    """

    def __init__(self, settings: EndpointMakerSettings) -> None:
        if find_spec("openai") is None:
            raise MissingDependencyError("asking an endpoint", "openai", "openai")
        self.name = settings.model
        self.max_characters = settings.max_characters
        self._settings = settings
        self._meter = Meter(settings)
        cache = AnswerCache(settings.cache_dir)
        self._asker = Asker(settings, cache, self._meter, skips_refused=True)

    def make(self, pairs: Sequence[Pair], progress: Progress) -> list[Made]:
        """Return an answer for each pair: see `Maker`.

        Raises:
            EndpointError: The endpoint failed, or the budget is used up, or the environment
                variable of the key is not set.
        """
        require_key(self._settings)
        requests = [self._request(pair) for pair in pairs]
        replies = self._asker.ask(requests, progress)
        return [self._read(*one) for one in zip(requests, replies, strict=True)]

    def forecast(self, pairs: Sequence[Pair]) -> Forecast:
        """Return what rewriting takes at most, without asking."""
        requests = [self._request(pair) for pair in pairs]
        new = [one for one in requests if self._asker.kept(one) is None]
        return Forecast(
            n_pairs=len(requests),
            n_cached=len(requests) - len(new),
            prompt_tokens=sum(one.likely_tokens for one in new),
            completion_tokens=len(new) * self._settings.max_tokens,
            cost=sum(self._meter.estimate(one) for one in new),
        )

    def used(self) -> str:
        """Return the requests, tokens and cost so far, as text."""
        return str(self._meter.usage)

    def _request(self, pair: Pair) -> Request:
        settings = self._settings
        said = settings.message(pair)
        if settings.endpoint == "chat":
            told: dict[str, object] = {"messages": as_messages(settings.system, (), said)}
        else:
            told = {"prompt": f"{settings.system}\n\n{said}\n\n" if settings.system else said}
        return endpoint_request(f"row {pair.number}", settings, told, n_tokens=settings.max_tokens)

    def _read(self, request: Request, reply: Reply) -> Made:
        limit = self._settings.max_tokens
        # Some servers do not say why an answer ends, and some count no tokens.
        is_full = not reply.finish and (reply.completion_tokens or 0) >= limit
        n_sent = request.likely_tokens if reply.prompt_tokens is None else reply.prompt_tokens
        n_answered = limit if reply.completion_tokens is None else reply.completion_tokens
        return Made(
            without_thoughts(reply.text).strip(),
            is_cut=reply.finish == "length" or is_full,
            is_refused=bool(reply.refusal) or reply.finish == "content_filter",
            prompt_tokens=0 if reply.refusal else n_sent,
            completion_tokens=0 if reply.refusal else n_answered,
            cost=0.0 if reply.refusal else self._meter.price(n_sent, n_answered),
        )
