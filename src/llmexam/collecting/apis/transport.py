"""One HTTP request by httpx: no redirects, limited size, compressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from llmexam.collecting.apis.clock import Clock
from llmexam.errors import MissingDependencyError
from llmexam.machine import is_loopback

if TYPE_CHECKING:
    import httpx

# A server that sends a byte now and then keeps within the timeout of each read.
_TIMEOUTS_PER_RESPONSE = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The status code.
        headers: The headers, with names in lower case.
        body: The body, uncompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class ConnectionFailedError(Exception):
    """No complete answer came; asking again may help."""


class TooLargeError(Exception):
    """The answer is larger than the limit."""


class Transport:
    """Sends requests.

    Args:
        user_agent: The name that requests carry.
        address: Address of the API; proxies are not used for this machine.
        timeout: Timeout of connecting and of each read, in seconds.
        max_bytes: Largest body, uncompressed.
        clock: The clock.

    Raises:
        MissingDependencyError: httpx is not installed.
    """

    def __init__(
        self, user_agent: str, address: str, *, timeout: float, max_bytes: int, clock: Clock
    ) -> None:
        try:
            import httpx
        except ImportError:
            raise MissingDependencyError("collecting from web APIs", "httpx", "collect") from None
        self._errors = httpx.TransportError, httpx.DecodingError
        self._invalid = httpx.InvalidURL
        self._max_bytes = max_bytes
        self._clock = clock
        self._longest = timeout * _TIMEOUTS_PER_RESPONSE
        self._http: httpx.Client = httpx.Client(
            headers={
                "User-Agent": f"{user_agent} httpx/{httpx.__version__}",
                "Accept-Encoding": "gzip",
            },
            timeout=timeout,
            follow_redirects=False,
            trust_env=not is_loopback(urlsplit(address).hostname or ""),
            # Reading the certificates takes a tenth of a second; without TLS none are checked.
            verify=not address.startswith("http:"),
        )
        # No API here needs cookies, and a server would recognize a session by them.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def get(self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        """Send a GET request and return the complete answer.

        Raises:
            ConnectionFailedError: The connection failed, ended early, or took too long.
            TooLargeError: The body is larger than the limit.
        """
        begin = self._clock.monotonic()
        body = bytearray()
        try:
            with self._http.stream(
                "GET", url, params=dict(params) if params else None, headers=dict(headers)
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > self._max_bytes:
                        raise TooLargeError
                    if self._clock.monotonic() - begin > self._longest:
                        raise ConnectionFailedError("the answer took too long")
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, names, bytes(body))
        except self._invalid as error:
            raise ConnectionFailedError(f"the address is not valid: {error}") from None
        except self._errors as error:
            kind = type(error).__name__
            raise ConnectionFailedError(f"{kind}: {error}" if str(error) else kind) from None
