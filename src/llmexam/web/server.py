"""Listen on an address, serve an application there, and stop without losing what is under way."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmexam.errors import SettingsError
from llmexam.web.access import LOOPBACK
from llmexam.web.headers import App

HEADER_SECONDS = 10.0
"""Time in which the lines of a request must arrive."""
KEEP_ALIVE_SECONDS = 5
STOP_SECONDS = 10
"""Time that requests under way have left when the server stops."""
_BACKLOG = 256


@contextmanager
def listening(host: str = LOOPBACK, port: int = 0) -> Iterator[socket.socket]:
    """Yield a socket that listens on an address; a browser can connect from now on.

    Args:
        host: Address or name of this machine.
        port: Port; 0 takes a free one.

    Raises:
        SettingsError: The address is none of this machine, or the port is in use.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise SettingsError(
            f"cannot listen on host '{host}': {getattr(error, 'strerror', None) or error}",
            field="host",
            hint="Give an address of this machine, such as 127.0.0.1",
        ) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}",
                field="port",
                hint="Give another --port, or leave it out",
            ) from None
        yield listener


class _Protocol(H11Protocol):
    """Closes connections whose request does not arrive in time.

    uvicorn has no such limit, and a few clients that send one byte at a time would hold all
    connections.
    """

    header_seconds: ClassVar[float] = HEADER_SECONDS
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; begin or end to wait for the rest of the lines."""
        self._watch()
        super().data_received(data)
        if self._is_answering():
            self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End waiting."""
        self._unwatch()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._timer is None and not self._is_answering():
            self._timer = self.loop.call_later(self.header_seconds, self._give_up)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._is_answering():
            self.transport.close()


class _Server(uvicorn.Server):
    """A server that tells what it serves when it begins to stop."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, and wait for requests under way."""
        self._on_stop()
        await super().shutdown(sockets)


def make_server(
    app: App,
    *,
    max_connections: int = 512,
    header_seconds: float = HEADER_SECONDS,
    on_stop: Callable[[], None] = lambda: None,
) -> uvicorn.Server:
    """Return a server for an application.

    Args:
        app: The application.
        max_connections: Connections at the same time; requests of more get the status 503.
        header_seconds: Time in which the lines of a request must arrive.
        on_stop: Called once when the server begins to stop.
    """
    protocol = type("Protocol", (_Protocol,), {"header_seconds": header_seconds})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_level="error",
        # Access logs would contain the token.
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=max_connections,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return _Server(config, on_stop)


def run(server: uvicorn.Server, listener: socket.socket) -> None:
    """Run a server until Ctrl-C or SIGTERM.

    Then no new connections are accepted, and requests under way have `STOP_SECONDS` to end. A
    second Ctrl-C ends at once.

    Args:
        server: The server.
        listener: Socket that listens.
    """
    with _quiet_after_stop():
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return


@contextmanager
def _quiet_after_stop() -> Iterator[None]:
    """Let SIGTERM end the server and then the command: uvicorn sends the signal once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
