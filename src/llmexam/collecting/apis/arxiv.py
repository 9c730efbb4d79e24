"""Documents from arXiv: titles and abstracts, from the Atom feeds of its API.

arXiv offers the descriptive metadata of papers, which its terms define to include title and
abstract, under CC0 1.0: https://info.arxiv.org/help/api/tou.html. This does not cover the papers
themselves, and most of these are under no open licence.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmexam.collecting.apis.client import PoliteClient, TryAgainError
from llmexam.collecting.apis.licences import Licence
from llmexam.collecting.apis.requests import Request, Response
from llmexam.collecting.apis.settings import ArxivSettings
from llmexam.collecting.apis.tally import Tally
from llmexam.collecting.document import Document
from llmexam.errors import EndpointError, MissingDependencyError

LICENCE = Licence("CC0 1.0", "https://info.arxiv.org/help/api/tou.html")
_ABSTRACT = re.compile(r"arxiv\.org/abs/(.+?)(v\d+)?$")
_IDS_PER_QUERY = 100


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper: id without version, version, title and abstract."""

    id: str
    version: str
    title: str
    abstract: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of results: how many there are in all, and the papers of this page."""

    total: int
    papers: tuple[Paper, ...]


def arxiv_documents(
    client: PoliteClient, settings: ArxivSettings, tally: Tally
) -> Iterator[Document]:
    """Yield one document per paper.

    Args:
        client: The client.
        settings: Which papers.
        tally: Filled in.

    Raises:
        EndpointError: A request failed, or arXiv reports an error.
    """
    require_feedparser()
    tally.accept(LICENCE)
    papers = _by_id(client, settings, tally) if settings.ids else _by_query(client, settings, tally)
    versions: dict[str, str] = {}
    for paper in papers:
        if paper.id in versions:
            # New papers move the others to later pages.
            same = versions[paper.id] == paper.version
            tally.events["listed twice" if same else "listed twice, in two versions"] += 1
            continue
        versions[paper.id] = paper.version
        tally.n_found += 1
        if not paper.abstract:
            tally.left_out["papers without abstract"] += 1
            continue
        tally.n_used += 1
        tally.kept_by_licence[LICENCE.name] += 1
        yield Document(
            id=f"arxiv:{paper.id}{paper.version}",
            title=paper.title,
            section="",
            text=paper.abstract,
            page_id=paper.id,
            revision=paper.version,
            licence=LICENCE.name,
            url=f"https://arxiv.org/abs/{paper.id}{paper.version}",
            source="arxiv",
        )


def require_feedparser() -> None:
    """Raise an error if feedparser is not installed.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import feedparser  # noqa: F401
    except ImportError:
        raise MissingDependencyError("collecting from arXiv", "feedparser", "collect") from None


def _by_query(client: PoliteClient, settings: ArxivSettings, tally: Tally) -> Iterator[Paper]:
    """Yield the papers of a query.

    arXiv sometimes returns an empty or short page although there are more results. Such a page is
    requested again; a page that stays short is used, and the next one begins where it ended.
    """
    start, wanted = 0, settings.limit
    while start < wanted:
        n = min(settings.page_size, wanted - start)
        request = _request(
            settings, search_query=str(settings.query), id_list="", start=start, max_results=n
        )
        page = client.fetch(request, partial(_parse_page, request, start, n))
        wanted = min(settings.limit, page.total)
        yield from page.papers
        start += len(page.papers)
        if not page.papers:
            break
    if start < wanted:
        tally.notes.append(
            f"arXiv returned {start:,} of {wanted:,} results and then empty pages; run the same "
            "command again later"
        )


def _by_id(client: PoliteClient, settings: ArxivSettings, tally: Tally) -> Iterator[Paper]:
    missing: list[str] = []
    wanted = list(dict.fromkeys(settings.ids))[: settings.limit]
    for begin in range(0, len(wanted), _IDS_PER_QUERY):
        ids = wanted[begin : begin + _IDS_PER_QUERY]
        request = _request(
            settings, search_query="", id_list=",".join(ids), start=0, max_results=len(ids)
        )
        page = client.fetch(request, partial(_parse_page, request, 0, len(ids)))
        found = {name for one in page.papers for name in (one.id, one.id + one.version)}
        missing += [one for one in ids if one not in found]
        yield from page.papers
    tally.left_out["missing papers"] += len(missing)
    tally.note_names("papers that do not exist", missing)


def _request(settings: ArxivSettings, **params: str | int) -> Request:
    order = {"sortBy": settings.sort, "sortOrder": "descending"}
    return Request(settings.api, {**{k: str(v) for k, v in params.items()}, **order})


def _parse_page(request: Request, start: int, n_wanted: int, response: Response) -> Page:
    feed = _parse(response.body)
    for entry in feed.entries:
        if "/api/errors" in entry.get("id", ""):
            raise EndpointError(
                f"{request}: arXiv reports an error ({entry.get('summary', '')[:300]})",
                hint="Check the query and the ids",
            )
    try:
        total = int(feed.feed["opensearch_totalresults"])
    except (LookupError, ValueError):
        raise TryAgainError("expected a feed with totalResults") from None
    page = Page(total, tuple(one for one in map(_paper, feed.entries) if one is not None))
    if len(feed.entries) < min(n_wanted, total - start):
        raise TryAgainError(
            f"{len(feed.entries)} entries, although there are {total:,} results", fallback=page
        )
    return page


def _parse(body: bytes) -> Any:
    import feedparser

    # As a stream: feedparser opens texts that name a file or an address. Abstracts are plain text
    # with formulas, which its cleaning of HTML would damage.
    feed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if feed.bozo or not feed.get("version"):
        raise TryAgainError(
            f"expected an Atom feed ({feed.get('bozo_exception', 'other content')})"
        )
    return feed


def _paper(entry: Any) -> Paper | None:
    match = _ABSTRACT.search(entry.get("id", ""))
    if match is None:
        return None
    return Paper(
        id=match[1],
        version=match[2] or "",
        title=" ".join(entry.get("title", "").split()),
        abstract=" ".join(entry.get("summary", "").split()),
    )


def explain(body: bytes) -> str:
    """Return the error that the body of a failed response names."""
    try:
        feed = _parse(body)
    except TryAgainError:
        return ""
    return next((str(one.get("summary", "")) for one in feed.entries), "")
