"""Several addresses of one served model: requests go where the fewest are under way."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from llmexam.errors import EndpointError
from llmexam.solvers.served.connection import CUT_HEADER, open_client, require_listening
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.failures import (
    EndpointDownError,
    RequestNotSentError,
    explain_failure,
)
from llmexam.solvers.served.replies import Reply, read_reply
from llmexam.solvers.served.requests import Request
from llmexam.solvers.served.usage import Meter

if TYPE_CHECKING:
    import openai

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_A_MOMENT = 0.02
_LOG = logging.getLogger(__name__)


class Replica:
    """One address, and what is known of it.

    Args:
        settings: The settings of the model, with this address.
        client: The client of this address.
        key: The API key, to be redacted in errors.

    Attributes:
        n_under_way: Requests that were sent and are not answered.
        n_failures: Failures since its last answer.
        free_at: Time from which requests may be sent to it, on the monotonic clock.
    """

    def __init__(
        self, settings: EndpointSettings, client: openai.AsyncOpenAI, key: str | None
    ) -> None:
        self.settings = settings
        self._client = client
        self._key = key
        self.n_under_way = 0
        self.n_failures = 0
        self.free_at = 0.0

    def has_room(self, now: float) -> bool:
        """Return whether a request may be sent now; after a failure, only one at a time."""
        most = 1 if self.n_failures else self.settings.max_concurrency
        return now >= self.free_at and self.n_under_way < most

    def set_aside(self, error: EndpointDownError) -> None:
        """Send nothing for a time that doubles with each failure in a row."""
        pause = min(_FIRST_PAUSE * 2**self.n_failures, _LONGEST_PAUSE)
        if error.retry_after is not None:
            pause = min(error.retry_after, _LONGEST_PAUSE)
        if not self.n_failures:
            _LOG.warning(
                "%s. Its requests go to the other addresses; it is tried again after a pause",
                error.message,
            )
        self.n_failures += 1
        self.free_at = time.monotonic() + pause

    async def ask(self, request: Request, meter: Meter) -> Reply:
        """Return the answer to a request.

        Raises:
            EndpointError: The endpoint failed, or its reply cannot be read.
        """
        import openai

        settings = self.settings
        body = dict(request.body)
        model = body.pop("model")
        # Raw, for servers differ in what they answer; the rest goes as it is.
        create: Any
        if settings.endpoint == "chat":
            create = self._client.chat.completions.with_raw_response.create
            asked = {"messages": body.pop("messages")}
        else:
            create = self._client.completions.with_raw_response.create
            asked = {"prompt": body.pop("prompt")}
        begin = time.monotonic()
        try:
            answer = await create(model=model, **asked, extra_body=body)
        except openai.OpenAIError as error:
            raise explain_failure(error, request, settings, self._key) from None
        meter.latencies.append(time.monotonic() - begin)
        meter.usage.n_retries += answer.retries_taken
        if CUT_HEADER in answer.headers:
            raise EndpointError(
                f"{settings.base_url}, {request.subject}: the reply has over "
                f"{settings.max_reply_bytes:,} bytes",
                field="max_reply_bytes",
                hint="Check base_url, or raise max_reply_bytes",
            )
        try:
            return read_reply(json.loads(answer.text))
        except (ValueError, RecursionError) as error:
            raise EndpointError(
                f"{settings.base_url}, {request.subject}: {error}",
                hint="Check base_url: the reply is not that of an OpenAI-compatible endpoint",
            ) from None


class Replicas:
    """All addresses of a model, as an asynchronous context manager.

    With one address, its client retries requests. With several, a request that fails at one
    address is sent to another one, and the failed address is set aside for a while.

    Args:
        settings: How the model is reached and asked.
        key: The API key, or None where none is sent.
        is_stopped: Returns whether no more requests should be sent.
    """

    def __init__(
        self, settings: EndpointSettings, key: str | None, is_stopped: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._key = key
        self._is_stopped = is_stopped
        self._stack = AsyncExitStack()
        self._replicas: list[Replica] = []
        self._turn = 0

    async def __aenter__(self) -> Self:
        addresses = addresses_of(self._settings)
        for one in addresses:
            client = await self._stack.enter_async_context(open_client(one, self._key))
            self._replicas.append(Replica(one, client, self._key))
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)

    async def ask(self, request: Request, meter: Meter) -> Reply:
        """Return the answer to a request, from the address with the fewest under way.

        Raises:
            RequestNotSentError: The run was stopped before an address had room.
            EndpointError: The endpoint failed; with several addresses, each as often as the
                settings allow.
        """
        n_left = (self._settings.max_retries + 1) * len(self._replicas)
        while True:
            replica = await self._next()
            replica.n_under_way += 1
            try:
                reply = await replica.ask(request, meter)
            except EndpointDownError as error:
                n_left -= 1
                if len(self._replicas) == 1 or n_left <= 0 or self._is_stopped():
                    raise
                replica.set_aside(error)
                meter.usage.n_retries += 1
            else:
                replica.n_failures = 0
                return reply
            finally:
                replica.n_under_way -= 1

    async def _next(self) -> Replica:
        while not self._is_stopped():
            now = time.monotonic()
            free = [one for one in self._replicas if one.has_room(now)]
            if free:
                # Equal loads take turns, so that the first address does not get most.
                self._turn += 1
                n = len(free)
                order = [free[(self._turn + place) % n] for place in range(n)]
                return min(order, key=lambda one: one.n_under_way)
            if len(self._replicas) == 1:
                return self._replicas[0]
            await asyncio.sleep(_A_MOMENT)
        raise RequestNotSentError("the run was stopped before this request was sent")


def addresses_of(settings: EndpointSettings) -> list[EndpointSettings]:
    """Return the settings of each address; with several, the client itself does not retry."""
    if not settings.replicas:
        return [settings]
    return [
        settings.model_copy(update={"base_url": url, "max_retries": 0, "replicas": ()})
        for url in settings.urls
    ]


def require_any_listening(settings: EndpointSettings) -> None:
    """Check that something listens at one address at least, where all are on this machine.

    Raises:
        EndpointError: Nothing does.
    """
    failures = []
    for one in addresses_of(settings):
        if not one.is_loopback:
            return
        try:
            require_listening(one)
        except EndpointError as error:
            failures.append(error)
        else:
            return
    raise failures[0]
