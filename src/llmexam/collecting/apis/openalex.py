"""Documents from OpenAlex: titles and abstracts of scholarly works, each with its licence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from llmexam.collecting.apis.client import PoliteClient, TryAgainError
from llmexam.collecting.apis.licences import Licence, licence_name
from llmexam.collecting.apis.requests import Request, Response
from llmexam.collecting.apis.settings import OpenAlexSettings
from llmexam.collecting.apis.tally import Tally
from llmexam.collecting.document import Document
from llmexam.errors import EndpointError

_FIELDS = (
    "id,doi,display_name,updated_date,is_retracted,abstract_inverted_index,primary_location,"
    "best_oa_location"
)


def key_headers(settings: OpenAlexSettings) -> dict[str, str]:
    """Return the header with the API key, if the environment has one.

    The key is sent in a header and not in the address, because addresses are logged.
    """
    key = os.environ.get(settings.api_key_env, "").strip()
    return {"Authorization": f"Bearer {key}"} if key else {}


def openalex_documents(
    client: PoliteClient, settings: OpenAlexSettings, tally: Tally
) -> Iterator[Document]:
    """Yield one document per work that has an abstract and an accepted licence.

    Args:
        client: The client.
        settings: Which works.
        tally: Filled in.

    Raises:
        EndpointError: A request failed, or the API returns a cursor twice.
    """
    seen: set[str] = set()
    for work in _works(client, settings):
        id_ = str(work.get("id") or "").rpartition("/")[2]
        if not id_:
            tally.left_out["works without id"] += 1
            continue
        if id_ in seen:
            tally.events["listed twice"] += 1
            continue
        if len(seen) == settings.limit:
            return
        seen.add(id_)
        tally.n_found += 1
        if (document := _document(id_, work, tally)) is not None:
            tally.n_used += 1
            tally.kept_by_licence[document.licence] += 1
            yield document


def _document(id_: str, work: Mapping[str, Any], tally: Tally) -> Document | None:
    if work.get("is_retracted"):
        tally.left_out["retracted works"] += 1
        return None
    index = work.get("abstract_inverted_index")
    if not index:
        tally.left_out["works without abstract"] += 1
        return None
    abstract = restore_abstract(index)
    if abstract is None:
        tally.left_out["abstracts with missing words"] += 1
        return None
    licence = work_licence(work)
    if not tally.accept(licence):
        return None
    location = work.get("primary_location") or {}
    return Document(
        id=f"openalex:{id_}",
        title=" ".join(str(work.get("display_name") or "").split()),
        section="",
        text=abstract,
        page_id=id_,
        revision=str(work.get("updated_date") or ""),
        licence=licence.name,
        url=str(work.get("doi") or location.get("landing_page_url") or work["id"]),
        source="openalex",
    )


def restore_abstract(index: Any) -> str | None:
    """Return an abstract from its inverted index, or None if words are missing or in conflict.

    >>> restore_abstract({"light": [1, 3], "Red": [0], "is": [2]})
    'Red light is light'

    Args:
        index: The positions of each word.
    """
    words: dict[int, str] = {}
    if not isinstance(index, dict):
        return None
    for word, places in index.items():
        for place in places if isinstance(places, list) else (None,):
            if not isinstance(place, int) or place in words:
                return None
            words[place] = word
    if not words or set(words) != set(range(len(words))):
        return None
    return " ".join(" ".join(words[i] for i in range(len(words))).split())


def work_licence(work: Mapping[str, Any]) -> Licence:
    """Return the licence of the primary location of a work, else of its best open location."""
    for name in ("primary_location", "best_oa_location"):
        location = work.get(name) or {}
        if licence := location.get("license"):
            return Licence(licence_name(licence), str(location.get("license_id") or ""))
    return Licence(licence_name(None))


def _works(client: PoliteClient, settings: OpenAlexSettings) -> Iterator[dict[str, Any]]:
    params = {"per_page": str(min(settings.page_size, settings.limit)), "select": _FIELDS}
    if settings.search:
        params["search"] = settings.search
    if settings.filter:
        params["filter"] = settings.filter
    courtesy = {"mailto": settings.contact} if "@" in settings.contact else {}
    cursor, n, cursors = "*", 0, {"*"}
    while True:
        request = Request(settings.api, {**params, "cursor": cursor}, courtesy)
        found = client.fetch(request, _parse)
        works = found["results"]
        yield from works
        n += len(works)
        cursor = found["meta"].get("next_cursor")
        count = found["meta"].get("count")
        # Each request costs a part of the daily budget, also one after the last result.
        if not works or not cursor or (isinstance(count, int) and n >= count):
            return
        if cursor in cursors:
            raise EndpointError(
                f"{request}: the API returned a cursor twice",
                hint="Run the same command again later",
            )
        cursors.add(cursor)


def _parse(response: Response) -> dict[str, Any]:
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        raise TryAgainError("expected JSON, got something else") from None
    is_page = isinstance(found, dict) and isinstance(found.get("meta"), dict)
    if not is_page or not isinstance(found.get("results"), list):
        raise TryAgainError("expected a page of results with 'meta' and 'results'")
    return dict(found)


def explain(body: bytes) -> str:
    """Return the error that the body of a failed response names."""
    try:
        found = json.loads(body)
        return str(found.get("message") or found.get("error") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""
