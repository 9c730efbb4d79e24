"""Requests, responses, and the cache of responses on disk."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from llmexam.storage.answer_store import AnswerStore

_LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Request:
    """A GET request.

    Attributes:
        url: The address, without parameters.
        params: Parameters that the response depends on.
        courtesy: Parameters that it does not depend on, such as `mailto` and `maxlag`; they are
            not part of the cache key.
        repeat: How often it was sent before because content had changed in between.
    """

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    courtesy: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 0

    @property
    def key(self) -> str:
        """The cache key. Secrets are sent in headers, so it has none."""
        return json.dumps([self.url, sorted(self.params.items()), self.repeat], ensure_ascii=False)

    def __str__(self) -> str:
        query = urlencode(self.params)
        shown = f"{self.url}?{query}" if query else self.url
        return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."


@dataclass(frozen=True, slots=True)
class Response:
    """A response with status 200.

    Attributes:
        body: The body, uncompressed.
        date: Date and time of its arrival in UTC, ISO 8601.
        retry_after: Seconds that its Retry-After header asks to wait; None without one.
    """

    body: bytes
    date: str
    retry_after: float | None = None


class ResponseCache:
    """Responses on disk, each written as it arrives.

    Args:
        folder: Where the store is.
    """

    def __init__(self, folder: Path) -> None:
        self._store = AnswerStore(folder)

    def prepare(self) -> None:
        """Create the store, so that an unwritable folder is an error at the start.

        Raises:
            OSError: It cannot be made.
        """
        self._store.prepare()

    def get(self, key: str) -> Response | None:
        """Return a cached response, or None."""
        content = key.encode("utf-8", "surrogatepass")
        found = self._store.get([content]).get(content)
        if found is None:
            return None
        date, _, body = found.partition(b"\n")
        return Response(zlib.decompress(body), date.decode("ascii"))

    def put(self, key: str, response: Response) -> None:
        """Cache a response; after this returns, it survives a kill.

        Raises:
            OSError: It cannot be written.
        """
        value = response.date.encode("ascii") + b"\n" + zlib.compress(response.body)
        self._store.put({key.encode("utf-8", "surrogatepass"): value})
