"""Which pages of a wiki are collected: by search, category and title."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal
from urllib.parse import quote

from llmexam.collecting.apis.settings import MediaWikiSettings
from llmexam.collecting.apis.tally import Tally
from llmexam.collecting.apis.wiki_query import WikiQuery

# Limits of the API for users without further rights.
_PAGES_PER_QUERY = 50
_MEMBERS_PER_QUERY = 500
# Servers refuse addresses of more than about 8,000 characters.
_LONGEST_NAMES = 4000
_HITS_PER_QUERY = 50
_ARTICLES = 0
_CATEGORIES = 14


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page to collect.

    Attributes:
        id: Its page id.
        title: Its title.
        url: Its address.
        revision: Its latest revision when it was listed; None if the wiki did not say.
    """

    id: int
    title: str
    url: str
    revision: int | None


def list_pages(query: WikiQuery, settings: MediaWikiSettings, tally: Tally) -> Iterator[ListedPage]:
    """Yield the pages to collect, each once, up to the limit.

    Redirects lead to their targets. Missing pages, disambiguation pages and pages that are no
    articles are left out and counted.

    Args:
        query: Sends the queries.
        settings: Searches, categories, titles and the limit.
        tally: Filled in.

    Raises:
        EndpointError: A query failed.
    """
    yield from islice(_pages(query, settings, tally), settings.limit)


def _pages(query: WikiQuery, settings: MediaWikiSettings, tally: Tally) -> Iterator[ListedPage]:
    seen: set[int] = set()
    missing: list[str] = []
    for title in (True, False):
        source: Iterable[str] = (
            dict.fromkeys(settings.title) if title else _found_ids(query, settings, tally)
        )
        for batch in _batches(source):
            yield from _resolve(
                query, "titles" if title else "pageids", batch, settings, tally, seen, missing
            )
        if title:
            tally.note_names("pages that do not exist", missing)


def _resolve(
    query: WikiQuery,
    by: Literal["titles", "pageids"],
    batch: list[str],
    settings: MediaWikiSettings,
    tally: Tally,
    seen: set[int],
    missing: list[str],
) -> Iterator[ListedPage]:
    params = {
        by: "|".join(batch),
        "prop": "info|pageprops",
        "inprop": "url",
        "ppprop": "disambiguation",
        "redirects": "1",
    }
    pages, lists, _ = query.pages(params)
    if redirects := lists.get("redirects"):
        tally.events["redirects followed"] += len(redirects)
    for page in pages:
        values = page.values
        if "missing" in values or "invalid" in values:
            tally.left_out["missing pages"] += 1
            missing.append(str(values.get("title", values.get("pageid"))))
            continue
        id_ = int(values["pageid"])
        if id_ in seen:
            tally.events["listed twice"] += 1
            continue
        seen.add(id_)
        if "disambiguation" in values.get("pageprops", {}):
            tally.left_out["disambiguation pages"] += 1
        elif values.get("ns", _ARTICLES) != _ARTICLES:
            tally.left_out["pages that are no articles"] += 1
        else:
            tally.n_found += 1
            revision = values.get("lastrevid")
            url = values.get("canonicalurl") or values.get("fullurl") or _by_id(settings.api, id_)
            yield ListedPage(id_, str(values["title"]), str(url), revision)


def _found_ids(query: WikiQuery, settings: MediaWikiSettings, tally: Tally) -> Iterator[str]:
    """Yield the ids of pages found by search and in categories, each once."""
    given: set[int] = set()
    for values in chain(_search(query, settings), _members(query, settings)):
        id_ = values.get("pageid")
        if not isinstance(id_, int):
            continue
        if id_ in given:
            # Results of a search move between two requests, too.
            tally.events["listed twice"] += 1
        elif values.get("ns", _ARTICLES) != _ARTICLES:
            tally.left_out["pages that are no articles"] += 1
        else:
            yield str(id_)
        given.add(id_)


def _search(query: WikiQuery, settings: MediaWikiSettings) -> Iterator[dict[str, Any]]:
    for terms in settings.search:
        params = {
            "list": "search",
            "srsearch": terms,
            "srnamespace": str(_ARTICLES),
            "srlimit": str(min(settings.limit, _HITS_PER_QUERY)),
        }
        for found in query.responses(params):
            yield from found.get("query", {}).get("search", ())


def _members(query: WikiQuery, settings: MediaWikiSettings) -> Iterator[dict[str, Any]]:
    """Yield the pages of categories, breadth first; categories may contain one another."""
    waiting = deque((_category(name), 0) for name in settings.category)
    seen = {name for name, _ in waiting}
    while waiting:
        name, depth = waiting.popleft()
        params = {
            "list": "categorymembers",
            "cmtitle": name,
            "cmtype": "page|subcat" if depth < settings.depth else "page",
            "cmlimit": str(_MEMBERS_PER_QUERY),
        }
        for found in query.responses(params):
            for member in found.get("query", {}).get("categorymembers", ()):
                if member.get("ns") != _CATEGORIES:
                    yield member
                elif depth < settings.depth and member["title"] not in seen:
                    seen.add(member["title"])
                    waiting.append((member["title"], depth + 1))


def _category(name: str) -> str:
    """Return the title of a category; in other languages its prefix is another word."""
    return name if ":" in name else f"Category:{name}"


def _by_id(api: str, id_: int) -> str:
    return f"{api.rpartition('/')[0]}/index.php?curid={id_}"


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield names in batches that fit in one query and in one address."""
    batch: list[str] = []
    length = 0
    for name in names:
        n_added = len(quote(f"|{name}", safe=""))
        if batch and length + n_added > _LONGEST_NAMES:
            yield batch
            batch, length = [], 0
        batch.append(name)
        length += n_added
        if len(batch) == _PAGES_PER_QUERY:
            # At once, because asking for one more name may take a request.
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
