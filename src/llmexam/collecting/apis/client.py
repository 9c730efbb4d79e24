"""A client of one web API that is polite, retries, and caches each response as it arrives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar

from llmexam.collecting.apis.addresses import redirected
from llmexam.collecting.apis.clock import Clock, SystemClock
from llmexam.collecting.apis.requests import Request, Response, ResponseCache
from llmexam.collecting.apis.robots import Robots
from llmexam.collecting.apis.settings import ApiSettings
from llmexam.collecting.apis.transport import (
    Answer,
    ConnectionFailedError,
    TooLargeError,
    Transport,
)
from llmexam.collecting.apis.waiting import Pace, backoff, retry_after
from llmexam.errors import EndpointError

Found = TypeVar("Found")
Item = TypeVar("Item")

_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_RESUME = "Completed requests are cached: run the same command again to resume"


class TryAgainError(Exception):
    """A response cannot be used, but another one may.

    Args:
        reason: Why.
        after: Seconds to wait; by default exponential backoff.
        fallback: What to return if all attempts end so; it is not cached.
    """

    def __init__(self, reason: str, *, after: float | None = None, fallback: Any = None) -> None:
        super().__init__(reason)
        self.after = after
        self.fallback = fallback


@dataclass
class Traffic:
    """Counts of requests.

    Attributes:
        requests: Requests sent, with retries, redirects and robots.txt.
        cached: Responses read from the cache.
        retried: Requests sent again after a failure.
        waited: Seconds that requests waited for their turn, summed over requests.
        oldest: Date of the oldest response that was used.
        newest: Date of the newest one.
    """

    requests: int = 0
    cached: int = 0
    retried: int = 0
    waited: float = 0.0
    oldest: str = ""
    newest: str = ""

    def use(self, response: Response) -> None:
        """Record the date of a response that is used."""
        self.oldest = min(self.oldest or response.date, response.date)
        self.newest = max(self.newest, response.date)


class PoliteClient:
    """Sends the requests of a collection.

    Args:
        settings: Contact, pace, retries and limits.
        cache: Folder of the cache.
        clock: The clock.
        headers: Further headers, such as a key; never cached, logged or shown.
        explain: Returns what the body of an error response says, for error texts.
    """

    def __init__(
        self,
        settings: ApiSettings,
        cache: Path,
        *,
        clock: Clock | None = None,
        headers: Mapping[str, str] | None = None,
        explain: Callable[[bytes], str] = lambda body: "",
    ) -> None:
        self.settings = settings
        self.traffic = Traffic()
        self.clock = clock or SystemClock()
        self._user_agent = f"llmexam/{version('llmexam')} ({settings.contact})"
        self._headers = dict(headers or {})
        self._explain = explain
        self._cache = ResponseCache(cache)
        self._robots = Robots(settings.api, self._user_agent, settings.api_policy)
        self._pace = Pace(self.clock, settings.min_interval)
        self._slots = threading.BoundedSemaphore(settings.max_concurrency)
        self._counts = threading.Lock()
        self._transport = Transport(
            self._user_agent,
            settings.api,
            timeout=settings.timeout,
            max_bytes=int(settings.max_response_mb * 1_000_000),
            clock=self.clock,
        )

    def __enter__(self) -> Self:
        self._cache.prepare()
        return self

    def __exit__(self, *error: object) -> None:
        self._pace.stop()
        self._transport.__exit__(*error)

    def fetch(self, request: Request, parse: Callable[[Response], Found]) -> Found:
        """Return what a response holds, from the cache or from the server.

        Args:
            request: The request.
            parse: Returns the content of a response; raises `TryAgainError` if the response
                is damaged or incomplete, so that it is not cached.

        Raises:
            EndpointError: robots.txt disallows the request, or it failed.
        """
        cached = self._cache.get(request.key)
        if cached is not None:
            try:
                found = parse(cached)
            except TryAgainError:
                pass  # cached by a version that took it for complete
            else:
                with self._counts:
                    self.traffic.cached += 1
                    self.traffic.use(cached)
                return found
        with self._robots.lock:
            if not self._robots.is_known:
                self._robots.learn(self._fetch_robots())
                self._pace.interval = max(self._pace.interval, self._robots.crawl_delay)
        self._robots.require_allowed(request)
        return self._fetch(request, parse)

    def in_order(self, items: Iterable[Item], work: Callable[[Item], Found]) -> Iterator[Found]:
        """Yield the results of concurrent work in the order of the items.

        Args:
            items: Read a few at a time.
            work: Called in threads, at most `max_concurrency` at once.
        """
        n = self.settings.max_concurrency
        if n == 1:
            yield from map(work, items)
            return
        waiting: deque[Future[Found]] = deque()
        executor = ThreadPoolExecutor(n)
        try:
            for item in items:
                waiting.append(executor.submit(work, item))
                if len(waiting) >= 2 * n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except GeneratorExit:
            raise  # the caller has enough; later requests may follow
        except BaseException:
            self._pace.stop()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def _fetch_robots(self) -> bytes:
        # A day later robots.txt may be another one, so that its key has the date.
        day = {"day": self.clock.now().date().isoformat()}
        key = Request(self._robots.url, day).key
        cached = self._cache.get(key)
        if cached is not None:
            with self._counts:
                self.traffic.cached += 1
            return cached.body
        request = Request(self._robots.url)
        found = self._fetch(request, lambda response: response.body, robots=True)
        self._cache.put(key, Response(found, self.clock.now().isoformat(timespec="seconds")))
        return found

    def _fetch(
        self, request: Request, parse: Callable[[Response], Found], *, robots: bool = False
    ) -> Found:
        for attempt in range(1, self.settings.max_attempts + 1):
            try:
                response = self._send(request, robots=robots)
                found = parse(response)
            except TryAgainError as failure:
                if attempt == self.settings.max_attempts:
                    if failure.fallback is not None:
                        return failure.fallback  # type: ignore[no-any-return]
                    raise EndpointError(
                        f"{request}: {failure}, after {attempt} attempts", hint=_RESUME
                    ) from None
                self._hold(request, failure, attempt)
                continue
            if not robots:
                self._cache.put(request.key, response)
                with self._counts:
                    self.traffic.use(response)
            return found
        raise AssertionError("max_attempts is at least 1")

    def _hold(self, request: Request, failure: TryAgainError, attempt: int) -> None:
        wait = failure.after or backoff(attempt, seed=self.settings.seed, key=request.key)
        if wait > self.settings.longest_wait:
            raise EndpointError(
                f"{request}: {failure}, and the server asks to wait {wait:,.0f} seconds, more than "
                f"longest_wait={self.settings.longest_wait:g}",
                hint=f"{_RESUME} then",
            )
        self._pace.hold(wait)
        with self._counts:
            self.traffic.retried += 1

    def _send(self, request: Request, *, robots: bool) -> Response:
        url = request.url
        params: dict[str, str] | None = {**request.params, **request.courtesy}
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._get(request, url, params, {} if robots else self._headers)
            if answer.status not in _REDIRECTS:
                break
            location = answer.headers.get("location", "")
            target = redirected(url, location)
            if target is None:
                raise EndpointError(
                    f"{request} redirects to another host: {location[:200]}",
                    hint="Give that address as --api if you trust it",
                )
            url, params = target, None
        else:
            raise EndpointError(f"{request} redirects more than {_MOST_REDIRECTS} times")
        return self._usable(request, answer, robots=robots)

    def _get(
        self,
        request: Request,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> Answer:
        with self._slots:
            waited = self._pace.wait_for_turn()
            with self._counts:
                self.traffic.waited += waited
                self.traffic.requests += 1
            try:
                return self._transport.get(url, params, headers)
            except ConnectionFailedError as error:
                raise TryAgainError(f"no complete response ({error})") from None
            except TooLargeError:
                raise EndpointError(
                    f"{request}: the response is larger than {self.settings.max_response_mb:g} MB",
                    field="max_response_mb",
                    hint="Ask for less, or raise it: --set max_response_mb=...",
                ) from None

    def _usable(self, request: Request, answer: Answer, *, robots: bool) -> Response:
        after = retry_after(answer.headers.get("retry-after"), self.clock)
        if answer.status in _TEMPORARY:
            raise TryAgainError(f"status {answer.status}", after=after)
        if robots and 400 <= answer.status < 500:
            return Response(b"", "")
        if answer.status != 200:
            said = " ".join(self._explain(answer.body).split())[:300]
            raise EndpointError(
                f"{request}: expected status 200, got {answer.status}"
                + (f" ({said})" if said else ""),
                hint=_hint(answer.status),
            )
        return Response(answer.body, self.clock.now().isoformat(timespec="seconds"), after)


def _hint(status: int) -> str:
    if status in (401, 403):
        return "Check the contact, the key and the operator's policy"
    if status == 404:
        return "Check the address of the API (--api)"
    return "Check the query"
