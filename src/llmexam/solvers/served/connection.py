"""Connection to an endpoint: a client whose replies are bounded in time and size."""

from __future__ import annotations

import asyncio
import importlib
import socket
import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmexam.errors import EndpointError
from llmexam.solvers.served.endpoint import EndpointSettings

if TYPE_CHECKING:
    import openai

CUT_HEADER = "x-llmexam-cut"
"""Header of a reply that was cut, because it has more bytes than the settings allow."""

# Clients insist on a key; endpoints without keys take any.
_NO_KEY = "none"
# Headers that any endpoint gets. The client adds others that the environment holds: organisation
# and project (OPENAI_ORG_ID, OPENAI_PROJECT_ID) and OPENAI_CUSTOM_HEADERS, all OpenAI's business.
_PLAIN_HEADERS = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
}
# Decoded under a limit of size.
_ENCODINGS = "gzip"


def open_client(settings: EndpointSettings, key: str | None) -> openai.AsyncOpenAI:
    """Return a client of an endpoint, to be used as a context manager.

    Args:
        settings: How the endpoint is reached.
        key: The API key, or None where none is sent.
    """
    import openai

    async def tell_no_more(request: Any) -> None:
        for name in list(request.headers):
            # The client reads its own ones again when the answer comes.
            if not name.lower().startswith("x-stainless-") and name.lower() not in _PLAIN_HEADERS:
                del request.headers[name]
        request.headers["Authorization"] = f"Bearer {key or _NO_KEY}"

    return openai.AsyncOpenAI(
        api_key=key or _NO_KEY,
        base_url=settings.base_url,
        timeout=openai.Timeout(settings.timeout, connect=min(settings.timeout, 10.0)),
        max_retries=settings.max_retries,
        http_client=_bounded_client(
            settings,
            headers={"Accept-Encoding": _ENCODINGS},
            # A proxy is for other machines; a redirection could lead questions anywhere.
            trust_env=not settings.is_loopback,
            follow_redirects=False,
            # Reading the certificates takes 50 ms, and plain HTTP without a proxy uses none.
            verify=not (settings.is_loopback and settings.base_url.startswith("http://")),
            event_hooks={"request": [] if settings.is_openai else [tell_no_more]},
        ),
    )


def require_listening(settings: EndpointSettings) -> None:
    """Check that something listens, which the client would find out after many tries only."""
    parts = urlsplit(settings.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=10).close()
    except OSError as error:
        raise EndpointError(
            f"cannot connect to {settings.base_url}: {error.strerror or error}",
            field="base_url",
            hint="Start the server, wait until it is ready, and check the port",
        ) from None


def _bounded_client(settings: EndpointSettings, **given: Any) -> Any:
    """Return the client of the package openai, with replies bounded in time and size.

    A timeout of the client itself counts from one piece of a reply to the next, and it decodes a
    small archive to whatever size.
    """
    import openai

    base: Any = openai.DefaultAsyncHttpxClient
    # Versions of openai use httpx or its successor.
    root = next(one for one in base.__mro__ if one.__name__ == "AsyncClient")
    library: Any = importlib.import_module(root.__module__.partition(".")[0])

    class BoundedClient(base):  # type: ignore[misc]
        async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            try:
                async with asyncio.timeout(settings.timeout):
                    response = await super().send(request, stream=True, **options)
                    try:
                        limit = settings.max_reply_bytes
                        encoding = response.headers.get("content-encoding", "").strip().lower()
                        content = await _read_bounded(response.aiter_raw(), encoding, limit)
                    finally:
                        await response.aclose()
            except TimeoutError:
                raise library.ReadTimeout("the whole reply takes longer", request=request) from None
            except zlib.error as error:
                raise library.DecodingError(str(error), request=request) from None
            headers = [
                (name, value)
                for name, value in response.headers.multi_items()
                if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
            ]
            if content is None:
                headers.append((CUT_HEADER, "1"))
            return library.Response(
                response.status_code, headers=headers, content=content or b"", request=request
            )

    return BoundedClient(**given)


async def _read_bounded(parts: AsyncIterator[bytes], encoding: str, limit: int) -> bytes | None:
    """Return the decoded bytes of a reply, or None where there are more than the limit.

    Raises:
        zlib.error: The bytes are not in this encoding.
    """
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise zlib.error(f"the reply has the encoding '{encoding[:40]}', which was not requested")
    is_packed = encoding not in ("", "identity")
    # 32: a header of gzip or zlib, whichever there is.
    decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)
    found = bytearray()
    async for part in parts:
        if not is_packed:
            found += part
        while is_packed and part:
            found += decoder.decompress(part, limit + 1 - len(found))
            if len(found) > limit:
                return None
            part = decoder.unconsumed_tail
            if decoder.eof:
                # Archives may follow one another.
                part = decoder.unused_data
                decoder = zlib.decompressobj(32 + zlib.MAX_WBITS)
        if len(found) > limit:
            return None
    return bytes(found)
