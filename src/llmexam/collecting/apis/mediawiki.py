"""Documents from a wiki: the sections of plain-text extracts, with revision and licence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from llmexam.collecting.apis.client import PoliteClient
from llmexam.collecting.apis.formulas import restore_formulas
from llmexam.collecting.apis.licences import Licence, licence_name
from llmexam.collecting.apis.sections import split_sections
from llmexam.collecting.apis.settings import MediaWikiSettings
from llmexam.collecting.apis.tally import Tally
from llmexam.collecting.apis.wiki_listing import ListedPage, list_pages
from llmexam.collecting.apis.wiki_query import QueriedPage, WikiQuery
from llmexam.collecting.document import Document
from llmexam.errors import CorpusError

# TextExtracts returns one whole page in a request, or the introductions of 20.
_WHOLE_PAGES, _INTRODUCTIONS = 1, 20
_MOST_REPEATS = 3


def wiki_documents(
    client: PoliteClient, settings: MediaWikiSettings, tally: Tally
) -> Iterator[Document]:
    """Yield the sections of the pages of a wiki.

    Args:
        client: The client.
        settings: Which pages.
        tally: Filled in.

    Raises:
        CorpusError: The licence of the wiki is not accepted; no page was requested.
        EndpointError: A request failed.
    """
    query = WikiQuery(client, settings)
    wiki, licence = _describe(query)
    if not tally.accept(licence):
        raise CorpusError(
            f"the licence of the texts of {settings.api} is '{licence.name}', which is not an "
            "open licence that llmexam knows",
            hint=f"If you may use the texts: --accept-licence '{licence.name}'",
        )
    size = _INTRODUCTIONS if settings.intro_only else _WHOLE_PAGES
    batches = _batches(list_pages(query, settings, tally), size)
    for listed, pages in client.in_order(
        batches, lambda batch: (batch, _extracts(query, batch, settings))
    ):
        for one in listed:
            page = pages.get(one.id)
            yield from _documents(one, page, wiki, licence, settings, tally)


def _describe(query: WikiQuery) -> tuple[str, Licence]:
    """Return the name of a wiki, such as `enwiki`, and the licence of its texts."""
    params = {"meta": "siteinfo", "siprop": "general|rightsinfo"}
    found = next(query.responses(params)).get("query", {})
    rights = found.get("rightsinfo", {})
    url = rights.get("url", "")
    name = str(found.get("general", {}).get("wikiid") or "mediawiki")
    return name, Licence(licence_name(rights.get("text"), url), url)


def _extracts(
    query: WikiQuery, batch: list[ListedPage], settings: MediaWikiSettings
) -> dict[int, QueriedPage]:
    """Return the pages of a batch by id, each with a text and the revision that it is of.

    If a query needs several responses, a page may be edited between them, and its text and its
    revision may come from different ones. A last query asks for the revisions once more; if one
    differs, the whole query is repeated.
    """
    ids = "|".join(str(one.id) for one in batch)
    params = {
        "pageids": ids,
        "prop": "extracts|revisions",
        "rvprop": "ids|timestamp",
        "explaintext": "1",
        "exsectionformat": "wiki",
        "exlimit": str(len(batch)) if settings.intro_only else "1",
    }
    if settings.intro_only:
        params["exintro"] = "1"
    for repeat in range(_MOST_REPEATS + 1):
        pages, _, n_responses = query.pages(params, repeat=repeat)
        if n_responses > 1:
            check, _, _ = query.pages(
                {"pageids": ids, "prop": "revisions", "rvprop": "ids"}, repeat=repeat
            )
            latest = {page.values.get("pageid"): page.revisions for page in check}
            for page in pages:
                page.revisions |= latest.get(page.values.get("pageid"), set())
        if all(len(page.revisions) <= 1 for page in pages):
            break
    found = {}
    for page in pages:
        page.values["repeats"] = repeat
        found[int(page.values.get("pageid") or 0)] = page
    return found


def _documents(
    listed: ListedPage,
    page: QueriedPage | None,
    wiki: str,
    licence: Licence,
    settings: MediaWikiSettings,
    tally: Tally,
) -> Iterator[Document]:
    if page is None or "missing" in page.values:
        tally.left_out["deleted since they were listed"] += 1
        return
    if page.values["repeats"]:
        tally.events["requested again, because a page changed in between"] += 1
    if len(page.revisions) > 1:
        tally.left_out["changed during each request"] += 1
        return
    revision = next(iter(page.revisions), None)
    if None not in (revision, listed.revision) and revision != listed.revision:
        tally.events["changed since they were listed"] += 1
    title = str(page.values.get("title", listed.title))
    text = restore_formulas(str(page.values.get("extract") or ""))
    n = -1
    for n, (section, body) in enumerate(split_sections(text, settings.skip_sections)):
        tally.kept_by_licence[licence.name] += 1
        yield Document(
            id=f"{wiki}:{listed.id}:{n}",
            title=title,
            section=section,
            text=body,
            page_id=str(listed.id),
            revision="" if revision is None else str(revision),
            licence=licence.name,
            url=listed.url,
            source=wiki,
        )
    if n < 0:
        tally.left_out["pages without text"] += 1
    else:
        tally.n_used += 1


def _batches(pages: Iterable[ListedPage], size: int) -> Iterator[list[ListedPage]]:
    rest = iter(pages)
    while batch := list(islice(rest, size)):
        yield batch
