"""Send requests to an endpoint concurrently, cache each answer as it arrives, and keep the budget.

When one request fails for good, a person stops the run, or the process is told to end (SIGTERM),
no more are sent, but those under way are waited for: they are paid for.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from llmexam.errors import EndpointError
from llmexam.solvers.served.cache import AnswerCache
from llmexam.solvers.served.ending import Ending, ending_gently
from llmexam.solvers.served.endpoint import EndpointSettings
from llmexam.solvers.served.failures import RequestNotSentError, RequestRefusedError
from llmexam.solvers.served.replicas import Replicas, require_any_listening
from llmexam.solvers.served.replies import Reply
from llmexam.solvers.served.requests import Request
from llmexam.solvers.served.usage import Meter

# Seconds that answers under way have left when a person stops the run.
_LAST_SECONDS = 10.0
_A_MOMENT = 0.02
_A_WHILE = 0.5
# When so many requests are rejected and none is answered, all will be.
_MANY_REFUSED = 16
_LOG = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def require_key(settings: EndpointSettings) -> str | None:
    """Return the API key of an endpoint, or None if it needs none.

    Raises:
        EndpointError: It is not in the environment. Endpoints on this machine may do without.
    """
    if settings.api_key_env is None:
        return None
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key and not settings.is_loopback:
        raise EndpointError(
            f"{settings.base_url} needs an API key, but the environment variable "
            f"{settings.api_key_env} is not set",
            field="api_key_env",
            hint=f"Set {settings.api_key_env}, name another variable in api_key_env, or "
            "set api_key_env: null for an endpoint without keys",
        )
    return key or None


class _Told:
    """How many requests are answered, told to whoever wants to know."""

    def __init__(self, n_all: int, progress: Progress | None) -> None:
        self.n_all = n_all
        self._n_done = 0
        self._progress = progress

    def add(self, n: int) -> None:
        self._n_done += n
        if self._progress is not None:
            self._progress(self._n_done, self.n_all)


class Asker:
    """Sends requests to a served model and caches the answers.

    Args:
        settings: How the endpoint is reached and asked.
        cache: Where answers are kept.
        meter: What counts them.
        skips_refused: Whether to go on when the endpoint rejects single requests, such as those
            that its content filter stops; their replies have a `refusal`. Otherwise that is an
            error.
        offline: Whether a request that is not cached is an error.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        cache: AnswerCache,
        meter: Meter,
        *,
        skips_refused: bool = False,
        offline: bool = False,
    ) -> None:
        self._offline = offline
        self._settings = settings
        self._skips_refused = skips_refused
        self._cache = cache
        self._meter = meter
        self._known: dict[str, Reply] = {}
        self._stopped = False
        self._ending = Ending()
        self._failures: list[EndpointError] = []
        self._tell = _Told(0, None)

    def ask(self, requests: Sequence[Request], progress: Progress | None = None) -> list[Reply]:
        """Return the answers to requests, in order; cached answers are not requested again.

        Args:
            requests: The requests.
            progress: Called with how many distinct ones are answered, and how many there are.

        Raises:
            EndpointError: The endpoint failed, or the budget is used up; answers that came
                before are kept.
        """
        new = {one.key: one for one in requests if not self._find(one)}
        self._tell = _Told(len({one.key for one in requests}), progress)
        self._tell.add(self._tell.n_all - len(new))
        if new:
            self._send(list(new.values()))
        return [self._known[one.key] for one in requests]

    def kept(self, request: Request) -> Reply | None:
        """Return a cached answer, if there is one; it does not count as usage."""
        if request.key in self._known:
            return self._known[request.key]
        kept = self._cache.get(request.key)
        if kept is None:
            return None
        try:
            return Reply.model_validate(kept)
        except ValueError:  # not one of ours: it is asked for again
            return None

    def keep(self, replies: Mapping[str, Reply]) -> None:
        """Cache answers by the keys of their requests.

        Raises:
            EndpointError: The cache cannot be written.
        """
        try:
            self._cache.prepare()
            for key, reply in replies.items():
                self._cache.put(key, reply.model_dump(mode="json"))
        except OSError as error:
            raise self._cannot_keep(error) from None

    def _find(self, request: Request) -> bool:
        if request.key in self._known:
            return True
        reply = self.kept(request)
        if reply is None:
            return False
        self._known[request.key] = reply
        self._meter.count(request, reply, kept=True)
        return True

    def _send(self, requests: Sequence[Request]) -> None:
        if self._offline:
            raise EndpointError(f"{len(requests)} answers are not cached, and nothing is sent")
        try:
            self._cache.prepare()
        except OSError as error:
            raise self._cannot_keep(error) from None
        require_any_listening(self._settings)
        self._failures, self._stopped = [], False
        with ending_gently(self._end) as self._ending:
            _run(self._send_all(requests))
        n_left = sum(one.key not in self._known for one in requests)
        if self._ending.is_asked and n_left:
            # Whoever handles the signal did not end the process.
            raise EndpointError(f"ended by SIGTERM. {self._how_to_go_on(n_left)}")
        if self._failures:
            first = self._failures[0]
            # The class tells what to do, so it stays.
            first.args = (f"{first}. {self._how_to_go_on(n_left)}",)
            raise first

    def _end(self) -> None:
        """Send no more requests, and wait for those under way."""
        self._stopped = True
        _LOG.warning(
            "ended by SIGTERM: waiting up to %.0f s for replies to requests that were sent; they "
            "are cached in %s",
            _LAST_SECONDS,
            self._cache.folder,
        )

    def _how_to_go_on(self, n_left: int) -> str:
        return (
            f"{n_left} answers are missing. Completed answers are cached in "
            f"{self._cache.folder}; run the same command again to resume"
        )

    async def _send_all(self, requests: Sequence[Request]) -> None:
        pending = iter(requests)
        key = require_key(self._settings)
        async with Replicas(self._settings, key, lambda: self._stopped) as replicas:
            n_workers = min(self._settings.most_at_once, len(requests))
            workers = [asyncio.create_task(self._work(replicas, pending)) for _ in range(n_workers)]
            try:
                await self._wait(workers)
            except asyncio.CancelledError:
                self._stopped = True
                await asyncio.wait(workers, timeout=_LAST_SECONDS)
                raise
            finally:
                for worker in workers:
                    worker.cancel()
            for worker in workers:
                if worker.done():
                    worker.result()  # a bug keeps its traceback

    async def _wait(self, workers: Sequence[asyncio.Task[None]]) -> None:
        """Wait for all workers, but not long once the process was told to end."""
        left: set[asyncio.Task[None]] = set(workers)
        seconds = _LAST_SECONDS
        while left and seconds > 0:
            _, left = await asyncio.wait(left, timeout=_A_WHILE)
            if self._ending.is_asked:
                seconds -= _A_WHILE

    async def _work(self, replicas: Replicas, pending: Iterator[Request]) -> None:
        for request in pending:
            if self._stopped:
                return
            # Another run may have asked meanwhile.
            if self._find(request):
                self._tell.add(1)
                continue
            if not await self._has_budget(request):
                return
            reserved = self._meter.reserve(request)
            try:
                reply = await replicas.ask(request, self._meter)
                self._known[request.key] = reply
                self._meter.count(request, reply, kept=False)
                self._cache.put(request.key, reply.model_dump(mode="json"))
                self._tell.add(1)
            except RequestNotSentError:
                return
            except RequestRefusedError as error:
                self._refuse(request, error)
            except EndpointError as error:
                self._fail(error)
            except OSError as error:
                self._fail(self._cannot_keep(error))
            finally:
                self._meter.release(reserved)

    async def _has_budget(self, request: Request) -> bool:
        """Wait until the budget has room for a request; fail where it will have none."""
        while not self._meter.may_ask(request):
            if self._stopped:
                return False
            if self._meter.is_idle:
                self._fail(self._budget_used_up())
                return False
            # Those under way may cost less than was set aside for them.
            await asyncio.sleep(_A_MOMENT)
        return True

    def _refuse(self, request: Request, error: RequestRefusedError) -> None:
        """Go on without an answer, unless the endpoint seems to reject all requests."""
        usage = self._meter.usage
        none_answered = not usage.n_requests + usage.n_kept
        rejects_all = none_answered and usage.n_refused + 1 >= _MANY_REFUSED
        if rejects_all or not self._skips_refused:
            self._fail(error)
            return
        if not usage.n_refused:
            _LOG.warning("continuing without answers to refused requests: %s", error.message)
        usage.n_refused += 1
        self._known[request.key] = Reply(text="", refusal=error.message)
        self._tell.add(1)

    def _fail(self, error: EndpointError) -> None:
        self._stopped = True
        self._failures.append(error)

    def _budget_used_up(self) -> EndpointError:
        usage = self._meter.usage
        return EndpointError(
            f"the answers have cost {usage.cost + usage.kept_cost:.4g}, and the next "
            f"may exceed max_cost ({self._settings.max_cost:g})",
            field="max_cost",
            hint="Raise max_cost to continue",
        )

    def _cannot_keep(self, error: OSError) -> EndpointError:
        return EndpointError(
            f"cannot write to the answer cache: {error.strerror or error}",
            file=self._cache.folder,
            field="cache_dir",
            hint="Choose a writable cache_dir: an answer that is not cached is paid for twice",
        )


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    # A notebook has a loop of its own, which cannot run another.
    with ThreadPoolExecutor(max_workers=1) as pool:
        _run_beside(work, pool)


def _run_beside(work: Coroutine[Any, Any, None], pool: Executor) -> None:
    """Run work in a loop of another thread, and stop it there when a person interrupts this one."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def begin() -> None:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result((asyncio.get_running_loop(), task))
        await work

    done = pool.submit(asyncio.run, begin())
    try:
        done.result()
    except BaseException:
        # The signal came to this thread, and that one knows nothing of it.
        either: list[Future[Any]] = [begun, done]
        wait(either, return_when=FIRST_COMPLETED)
        if not done.done():
            loop, task = begun.result()
            # It may end just now.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
            wait((done,))
        raise
