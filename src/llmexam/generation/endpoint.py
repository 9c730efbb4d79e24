"""Texts written by a model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from pydantic import ConfigDict, Field

from llmexam.errors import MissingDependencyError
from llmexam.generation.turns import SEPARATOR, Format
from llmexam.generation.writer import (
    Progress,
    TextRequest,
    WritingForecast,
    WritingUsage,
    WrittenText,
)
from llmexam.solvers.prompts.wording import Shot, as_messages, as_text
from llmexam.solvers.served.asking import Asker, require_key
from llmexam.solvers.served.cache import AnswerCache
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request, endpoint_request
from llmexam.solvers.served.thoughts import without_thoughts
from llmexam.solvers.served.usage import Meter
from llmexam.storage.hashing import hash_json

# English has about four bytes per token.
_BYTES_A_TOKEN = 4
# Settings that affect answers; further ones say how, and at what price, they are sent.
_AFFECTING = ("model", "base_url", "endpoint", "temperature", "seed", "max_tokens", "extra_body")


class EndpointWriterSettings(EndpointSettings):
    """How an endpoint writes texts."""

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str = Field(
        min_length=1, description="address of the endpoint: https, or http for this machine"
    )
    temperature: float | None = Field(
        0.7, ge=0, le=2, description="sampling temperature; null leaves it out of the request"
    )
    max_tokens: int = Field(512, ge=1, description="longest answer, in tokens")


class EndpointWriter:
    """Writes texts with a model behind an endpoint; each answer is cached as it arrives.

    Requests that the endpoint rejects one by one, such as those its content filter stops, count as
    refused; other failures are an error.

    Args:
        settings: Endpoint, sampling, prices and budget.

    Raises:
        MissingDependencyError: The package openai is not installed.
    """

    def __init__(self, settings: EndpointWriterSettings) -> None:
        if find_spec("openai") is None:
            raise MissingDependencyError("asking an endpoint", "openai", "openai")
        self.name = settings.model
        self.format: Format = "chat" if settings.endpoint == "chat" else "plain"
        own = settings.model_dump(mode="json", include=set(_AFFECTING))
        self.version = hash_json(own)
        self._settings = settings
        self._meter = Meter(settings)
        cache = AnswerCache(settings.cache_dir)
        self._asker = Asker(settings, cache, self._meter, skips_refused=True)

    def write(self, requests: Sequence[TextRequest], progress: Progress) -> list[WrittenText]:
        """Return the answer to each request, in order: see `TextWriter`.

        Raises:
            EndpointError: The endpoint failed, or the budget is used up, or the environment
                variable of the key is not set.
        """
        require_key(self._settings)
        sent = [self._request(one) for one in requests]
        replies = self._asker.ask(sent, progress)
        return [self._read(*one) for one in zip(requests, sent, replies, strict=True)]

    def forecast(self, requests: Sequence[TextRequest]) -> WritingForecast:
        """Return what the requests take, without sending any."""
        sent = [self._request(one) for one in requests]
        new = [
            (asked, request)
            for asked, request in zip(requests, sent, strict=True)
            if self._asker.kept(request) is None
        ]
        prompt_tokens = sum(request.likely_tokens for _, request in new)
        likely = sum(self._likely_tokens(asked) for asked, _ in new)
        return WritingForecast(
            n_requests=len(sent),
            n_cached=len(sent) - len(new),
            prompt_tokens=prompt_tokens,
            completion_tokens=likely,
            max_completion_tokens=sum(self._limit(asked) for asked, _ in new),
            cost=self._meter.price(prompt_tokens, likely),
            max_cost=sum(self._meter.estimate(request) for _, request in new),
        )

    @property
    def usage(self) -> WritingUsage:
        """What was requested so far."""
        usage = self._meter.usage
        return WritingUsage(
            n_written=usage.n_requests,
            n_cached=usage.n_kept,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cost=usage.cost,
        )

    def used(self) -> str:
        """Return the requests, tokens and cost so far as text."""
        return str(self._meter.usage)

    def _limit(self, request: TextRequest) -> int:
        return request.max_new_tokens or self._settings.max_tokens

    def _likely_tokens(self, request: TextRequest) -> int:
        limit = self._limit(request)
        n_bytes = len(request.likely_answer.encode())
        return min(limit, -(-n_bytes // _BYTES_A_TOKEN)) if n_bytes else limit

    def _request(self, request: TextRequest) -> Request:
        settings = self._settings
        told: dict[str, Any]
        if settings.endpoint == "chat":
            told = {"messages": as_messages(request.system, request.shots, request.user)}
        else:
            told = {"prompt": _as_prompt(request)}
        return endpoint_request(
            request.subject,
            settings,
            told,
            n_tokens=self._limit(request),
            # Chats end by themselves, and some endpoints reject `stop`.
            fields={"stop": list(request.stop)}
            if request.stop and settings.endpoint == "completion"
            else None,
            draw=request.draw,
        )

    def _read(self, asked: TextRequest, request: Request, reply: Reply) -> WrittenText:
        limit = self._limit(asked)
        # Some servers do not say why an answer ends, and some count no tokens.
        is_full = not reply.finish and (reply.completion_tokens or 0) >= limit
        n_sent = request.likely_tokens if reply.prompt_tokens is None else reply.prompt_tokens
        n_answered = limit if reply.completion_tokens is None else reply.completion_tokens
        return WrittenText(
            without_thoughts(reply.text).strip(),
            is_cut=reply.finish == "length" or is_full,
            is_refused=bool(reply.refusal) or reply.finish == "content_filter",
            prompt_tokens=0 if reply.refusal else n_sent,
            completion_tokens=0 if reply.refusal else n_answered,
            cost=0.0 if reply.refusal else self._meter.price(n_sent, n_answered),
        )


def _as_prompt(request: TextRequest) -> str:
    cue = f"{SEPARATOR}{request.cue}"
    shots = [Shot(f"{one.question}{cue} ".lstrip(), one.answer) for one in request.shots]
    return as_text(request.system, shots, f"{request.user}{cue}", separator=SEPARATOR)
