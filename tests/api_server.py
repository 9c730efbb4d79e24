"""A real HTTP server on loopback that answers as web APIs do, fails as told, and a clock for it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Reply:
    """What the server sends.

    Attributes:
        body: Bytes, or a value that is sent as JSON.
        status: The status code.
        headers: Further headers.
        missing: Bytes that the Content-Length counts and that are not sent.
        endless: Send the body again and again, until the client hangs up.
        packed: Compress it.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    endless: bool = False
    packed: bool = False

    @property
    def content(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return gzip.compress(body) if self.packed else body


@dataclass
class Asked:
    """A request that came."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class ApiServer:
    """The server.

    Attributes:
        asked: All requests to APIs, failed ones too.
        robots_asked: Requests for robots.txt.
        robots: Its content; None answers 404. A `Reply` is sent as it is.
        answer: Returns the answer to the parameters of a request.
        script: What to do with the next requests instead.
        before: If set, called before each answer with its number, from 0.
        most_at_once: Most requests that were being answered at once.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.robots_asked: list[Asked] = []
        self.robots: Any = None
        self.answer: Callable[[dict[str, str]], Any] = lambda params: Reply(status=404)
        self.script: list[Reply] = []
        self.before: Callable[[int], None] | None = None
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), self._handler())
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.host}/w/api.php"

    @property
    def params(self) -> list[dict[str, str]]:
        return [one.params for one in self.asked]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                served.serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        params = {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(parts.path, params, headers)
        if parts.path == "/robots.txt":
            self.robots_asked.append(asked)
            reply = self.robots
            if reply is None:
                reply = Reply(status=404)
            self._send(handler, reply if isinstance(reply, Reply) else Reply(reply))
            return
        with self._lock:
            self.asked.append(asked)
            turn = len(self.asked) - 1
            step = self.script.pop(0) if self.script else None
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.before is not None:
                self.before(turn)
            found = step if step is not None else self.answer(params)
        finally:
            # Before the answer is sent: the next request may come while it is on its way.
            with self._lock:
                self._at_once -= 1
        self._send(handler, found if isinstance(found, Reply) else Reply(found))

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        content = reply.content
        try:
            handler.send_response(reply.status)
            if reply.packed:
                handler.send_header("Content-Encoding", "gzip")
            if not reply.endless:
                handler.send_header("Content-Length", str(len(content) + reply.missing))
            for name, value in reply.headers.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content)
            while reply.endless:
                handler.wfile.write(content)
            if reply.missing:
                handler.close_connection = True
        except OSError:
            handler.close_connection = True


@contextmanager
def serving() -> Iterator[ApiServer]:
    """Run a server in a thread."""
    served = ApiServer()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()


class FakeClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.begin = datetime(2026, 11, 29, 12, tzinfo=UTC)
        self.passed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.begin + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.passed += seconds
