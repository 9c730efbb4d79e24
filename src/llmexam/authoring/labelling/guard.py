"""Protects the labelling page: loopback hosts, a secret token, same-origin posts, small bodies.

A page on the web can send requests to a server on this machine. It cannot read the token, which is
in the address that the command prints and then in a cookie. DNS rebinding, which would make such a
page the same origin, is refused by the host name; posts of other origins by the header `Origin`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

MAX_BODY = 256 * 1024
"""Largest body of a request, in bytes."""
_HOSTS = ("127.0.0.1", "localhost", "[::1]")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """ASGI application that passes only permitted requests on to another.

    Args:
        app: The application.
        port: Port of the server.
        token: The secret token.
        policy: Content security policy of all pages.
    """

    def __init__(self, app: App, *, port: int, token: str, policy: str) -> None:
        self._app = app
        self._hosts = {f"{host}:{port}" for host in _HOSTS}
        self._token = token
        # Cookies are shared by all ports of a host.
        self._cookie = f"llmexam-{port}"
        self._headers = [
            (b"content-security-policy", policy.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            # Not no-referrer, with which browsers send "Origin: null".
            (b"referrer-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Check a request, and answer it or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # A browser does not limit which origins open a web socket.
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        headers = {
            key.decode("latin-1").lower(): value.decode("latin-1")
            for key, value in scope["headers"]
        }
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if problem := self._problem(scope["method"], headers):
            await _reply(send_with_headers, *problem)
        elif self._matches(query.get("token", [""])[0]):
            # The address in the browser's bar and history loses the token.
            cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            location = [(b"location", b"/"), (b"set-cookie", cookie.encode("ascii"))]
            await _reply(send_with_headers, 303, "", location)
        elif not self._matches(self._cookie_of(headers.get("cookie", ""))):
            await _reply(
                send_with_headers, 403, "Open the address that `llmexam author label` printed."
            )
        else:
            await self._app(scope, receive, send_with_headers)

    def _problem(self, method: str, headers: dict[str, str]) -> tuple[int, str] | None:
        if headers.get("host") not in self._hosts:
            return 421, "Expected a request to this machine by its loopback address."
        if method not in ("GET", "HEAD", "POST"):
            return 405, "Expected GET or POST."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413, f"Expected at most {MAX_BODY} bytes."
        if method == "POST" and headers.get("origin") != f"http://{headers['host']}":
            return 403, "Expected a form of this page."
        return None

    def _matches(self, token: str) -> bool:
        return compare_digest(token.encode("utf-8", "replace"), self._token.encode("ascii"))

    def _cookie_of(self, header: str) -> str:
        try:
            cookies = SimpleCookie(header)
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""


async def _reply(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    plain = [(b"content-type", b"text/plain; charset=utf-8")]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*plain, *(headers or [])]}
    )
    await send({"type": "http.response.body", "body": text.encode("utf-8")})
