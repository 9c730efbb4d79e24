"""Queries of MediaWiki's Action API: continuation, errors, and pages that change in between."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from llmexam.collecting.apis.client import PoliteClient, TryAgainError
from llmexam.collecting.apis.requests import Request, Response
from llmexam.collecting.apis.settings import MediaWikiSettings
from llmexam.errors import EndpointError

_TEMPORARY = ("maxlag", "ratelimited", "readonly", "internal_api_error")


@dataclass
class QueriedPage:
    """A page, put together from all responses of a query.

    Attributes:
        values: What the responses say of it.
        revisions: Ids of the revisions that they name.
    """

    values: dict[str, Any] = field(default_factory=dict)
    revisions: set[int] = field(default_factory=set)

    def add(self, values: Mapping[str, Any]) -> None:
        """Add what a further response says."""
        self.values.update(values)
        named = [values.get("lastrevid"), *(r.get("revid") for r in values.get("revisions", ()))]
        self.revisions |= {one for one in named if isinstance(one, int)}


class WikiQuery:
    """Sends queries.

    Args:
        client: The client.
        settings: Address and `maxlag`.
    """

    def __init__(self, client: PoliteClient, settings: MediaWikiSettings) -> None:
        self.client = client
        self._api = settings.api
        self._courtesy = {"maxlag": str(settings.max_lag)}

    def responses(self, params: Mapping[str, str], *, repeat: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the responses of a query until it is complete.

        Args:
            params: Parameters besides `action` and `format`.
            repeat: How often the query was sent before.

        Raises:
            EndpointError: The API reports an error, or continues forever.
        """
        base = {"action": "query", "format": "json", "formatversion": "2", **params}
        further: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            request = Request(self._api, {**base, **further}, self._courtesy, repeat)
            found = self.client.fetch(request, partial(_parse, request))
            yield found
            if "continue" not in found:
                return
            further = {name: str(value) for name, value in found["continue"].items()}
            state = json.dumps(further, sort_keys=True)
            if state in seen:
                raise EndpointError(
                    f"{request}: the API continues twice at the same place: {state[:200]}",
                    hint="Report this to the operator of the wiki",
                )
            seen.add(state)

    def pages(
        self, params: Mapping[str, str], *, repeat: int = 0
    ) -> tuple[list[QueriedPage], dict[str, list[Any]], int]:
        """Return the pages of a query, its lists of redirects and the like, and the responses.

        Args:
            params: Parameters, with `titles` or `pageids`.
            repeat: How often the query was sent before.
        """
        pages: dict[str, QueriedPage] = {}
        lists: dict[str, list[Any]] = {}
        n = 0
        for found in self.responses(params, repeat=repeat):
            n += 1
            query = found.get("query", {})
            for values in pages_of(query):
                key = str(values.get("pageid") or values.get("title"))
                pages.setdefault(key, QueriedPage()).add(values)
            for name in ("redirects", "normalized"):
                # Repeated in each response of a continued query.
                known = lists.setdefault(name, [])
                known.extend(one for one in query.get(name, ()) if one not in known)
        return list(pages.values()), lists, n


def pages_of(query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pages of a response in either version of the format."""
    pages = query.get("pages", ())
    found = pages.values() if isinstance(pages, dict) else pages
    return [one for one in found if isinstance(one, dict)]


def explain(body: bytes) -> str:
    """Return the error that the body of a failed response names."""
    try:
        error = json.loads(body)["error"]
        return f"{error['code']}: {error['info']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _parse(request: Request, response: Response) -> dict[str, Any]:
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        raise TryAgainError("expected JSON, got something else") from None
    if not isinstance(found, dict) or not isinstance(found.get("continue", {}), dict):
        raise TryAgainError("expected a JSON object")
    error = found.get("error")
    if error is None:
        if "query" not in found and "batchcomplete" not in found and "continue" not in found:
            raise TryAgainError("expected the key 'query'")
        return found
    code = str(error.get("code")) if isinstance(error, dict) else str(error)
    info = str(error.get("info", "")) if isinstance(error, dict) else ""
    if code.startswith(_TEMPORARY):
        lag = error.get("lag") if code == "maxlag" else None
        after = response.retry_after
        if after is None and isinstance(lag, int | float):
            after = float(lag)
        raise TryAgainError(f"the wiki reports {code} ({info})", after=after)
    raise EndpointError(
        f"{request}: the wiki reports {code} ({info[:300]})", hint="Check the address and the query"
    )
