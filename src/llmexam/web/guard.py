"""Protects a server: its own host names, a secret token, same-origin posts, and limits.

Everything is checked before the application sees a request: see `access.Access` for who may send
one. Bodies are read here, so that neither a large nor a slow one reaches the application.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from llmexam.web.access import Access
from llmexam.web.headers import App, Message, Receive, SecureHeaders, Send

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body: Largest body of a request, in bytes.
        body_seconds: Time in which a body must arrive.
        seconds: Time in which a request must be answered.
        requests: Requests answered at the same time; more get the status 503.
    """

    body: int = 256 * 1024
    body_seconds: float = 15.0
    seconds: float = 120.0
    requests: int = 128


def guarded(app: App, access: Access, limits: Limits | None = None) -> App:
    """Return an application behind a guard; all answers have the security headers.

    Arguments are those of `Guard`.
    """
    return SecureHeaders(Guard(app, access=access, limits=limits))


class Guard:
    """ASGI application that passes only permitted requests on to another.

    Args:
        app: The application.
        access: What a request must have.
        limits: Limits on body, time and number of requests.
    """

    def __init__(self, app: App, *, access: Access, limits: Limits | None = None) -> None:
        self._app = app
        self._access = access
        self._limits = limits or Limits()
        self._n_open = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Check a request, and answer it or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # A browser does not limit which origins open a web socket.
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(send)
        if self._n_open >= self._limits.requests:
            busy = "Too many requests at the same time. Try again."
            await answer.plain(503, busy, [(b"retry-after", b"1")])
            return
        self._n_open += 1
        timer = asyncio.timeout(self._limits.seconds)
        try:
            async with timer:
                await self._pass(scope, receive, answer)
        except TimeoutError:
            if answer.is_started or not timer.expired():
                # The connection ends, so that the client sees that the answer is not whole.
                raise
            await answer.plain(504, f"The answer took longer than {self._limits.seconds:g} s.")
        finally:
            self._n_open -= 1

    async def _pass(self, scope: Message, receive: Receive, answer: _Answer) -> None:
        headers = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in scope["headers"]
        }
        is_api = self._access.has_bearer(headers)
        if problem := self._problem(scope["method"], headers, is_api):
            await answer.plain(*problem)
            return
        if not is_api and (entered := self._entered(scope)):
            await answer.plain(303, "", entered)
            return
        if not is_api and not self._access.has_cookie(headers):
            where = f"Open the address that `{self._access.command}` printed, with its token."
            await answer.plain(403, where)
            return
        if scope["method"] != "POST":
            await self._app(scope, receive, answer.send)
            return
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await self._read(receive)
        except TimeoutError:
            await answer.plain(408, "The body did not arrive in time.", [(b"connection", b"close")])
            return
        if body is None:
            await answer.plain(*self._too_large())
            return
        await self._app(scope, _replay(body, receive), answer.send)

    def _problem(
        self, method: str, headers: dict[str, str], is_api: bool
    ) -> tuple[int, str] | tuple[int, str, Headers] | None:
        host = headers.get("host", "")
        if not self._access.permits_host(host):
            return (
                421,
                "This host name is not allowed. Use the address that the server printed, or start "
                "it with --allow-host.",
            )
        if method not in ("GET", "HEAD", "POST"):
            return 405, "Expected GET or POST.", [(b"allow", b"GET, HEAD, POST")]
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limits.body:
            return self._too_large()
        origin = headers.get("origin")
        # Programs that send the token in a header are no pages, and send no origin.
        is_program = is_api and origin is None
        if method == "POST" and not (is_program or self._access.permits_origin(origin, host)):
            return (
                403,
                "The request came from another site. Send the form from a page of this server.",
            )
        return None

    def _too_large(self) -> tuple[int, str, Headers]:
        return 413, f"Expected at most {self._limits.body} bytes.", [(b"connection", b"close")]

    def _entered(self, scope: Message) -> Headers | None:
        """Return the headers of a redirection that moves the token from address to cookie."""
        if scope["method"] != "GET" or b"token=" not in scope["query_string"]:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if not any(name == "token" and self._access.matches(value) for name, value in query):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # One slash: with two, the rest of the path would be another host.
        path = "/" + quote(scope["path"].lstrip("/\\"), safe="/-_.~")
        location = f"{path}?{rest}" if rest else path
        cookie = self._access.cookie_header(scope.get("scheme", "http"))
        return [(b"location", location.encode("ascii")), (b"set-cookie", cookie.encode("ascii"))]

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body of a request, or None if it is too large."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            # The length in the header may be missing.
            if size > self._limits.body:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


class _Answer:
    """The answer to a request."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        self.is_started = True
        await self._send(message)

    async def plain(self, status: int, text: str, headers: Headers | None = None) -> None:
        """Send a plain text."""
        own = [(b"content-type", b"text/plain; charset=utf-8"), *(headers or [])]
        await self.send({"type": "http.response.start", "status": status, "headers": own})
        await self.send({"type": "http.response.body", "body": text.encode("utf-8")})


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a function that gives a body that was read, and then what follows."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
