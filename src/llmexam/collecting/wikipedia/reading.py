"""Read the pages of dumps as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from llmexam.collecting.corpus_files import storable
from llmexam.collecting.wikipedia.opening import (
    BROKEN_STREAM,
    DumpFile,
    Steady,
    open_binary,
    open_lines,
)
from llmexam.collecting.wikipedia.page import Page, Site, make_site, source_name
from llmexam.errors import CorpusError, MissingDependencyError

Position = Callable[[int], None]


class BrokenDumpError(CorpusError):
    """A dump is damaged at some page; the pages before it were read."""


def read_pages(dump: DumpFile, licence: str | None, tell: Position) -> Iterator[Page]:
    """Yield the pages of one file.

    Args:
        dump: The file.
        licence: Licence given by the user.
        tell: Called with the position in the file, in bytes.

    Raises:
        BrokenDumpError: The file is damaged or truncated; the error names the page.
        CorpusError: The licence is unknown and none is given.
    """
    if dump.kind == "xml":
        yield from _read_xml(dump, licence, tell)
    else:
        yield from _read_json(dump, licence, tell)


def _read_xml(dump: DumpFile, licence: str | None, tell: Position) -> Iterator[Page]:
    try:
        import mwxml
        from mwxml.element_iterator import ElementIterator
        from mwxml.errors import MalformedXML
    except ImportError:
        raise MissingDependencyError("reading XML dumps", "mwxml", "wiki") from None
    place = _Place()
    malformed = (ParseError, MalformedXML, AssertionError, ValueError, TypeError, StopIteration)
    with open_binary(dump.path) as (stream, file):
        try:
            steady = Steady(stream)
            root = ElementIterator.from_file(steady)
            if root.tag != "mediawiki":
                raise ParseError(f"expected the element <mediawiki>, got <{root.tag}>")
            export = mwxml.Dump.from_element(root)
            site = make_site(
                export.site_info.base or "", export.site_info.dbname or "", licence, str(dump.path)
            )
            for item in export.pages:
                place.title = item.title or ""
                page = _last_revision(item, site, steady)
                place.finish()
                yield page
                # The parser keeps an empty element of each page that it has read.
                root.element.clear()
                tell(file.tell())
        except BROKEN_STREAM as error:
            problem = _archive_problem(error)
        except malformed as error:
            problem = f"XML that is not well-formed: {str(error).partition('...')[0][:200]}"
        else:
            return
    raise place.broken(dump, problem)


@dataclass
class _Place:
    """How far a dump was read."""

    n_read: int = 0
    last: str = ""
    title: str = ""

    def finish(self) -> None:
        self.n_read, self.last, self.title = self.n_read + 1, self.title, ""

    def broken(self, dump: DumpFile, problem: str) -> BrokenDumpError:
        where = f"page {self.n_read + 1:,}"
        if self.title:
            where += f" '{self.title}'"
        if self.last:
            where += f", after '{self.last}'"
        return BrokenDumpError(
            f"broken at {where}: {problem}",
            file=dump.path,
            hint=f"Pages read before it: {self.n_read:,}. Download the file again for the rest",
        )


def _archive_problem(error: Exception) -> str:
    """Return what is wrong with an archive; errors of the system are raised again."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return f"truncated or damaged archive: {error}"


def _last_revision(item: Any, site: Site, steady: Steady) -> Page:
    """Return the page with its last revision; a dump of histories holds several."""
    revision_id, text, order = "", "", ""
    steady.start_page()
    for revision in item:
        steady.start_page()
        when = str(revision.timestamp or "")
        if when >= order:
            order, revision_id, text = when, str(revision.id or ""), revision.text or ""
    title = item.title or ""
    return Page(
        title=title,
        page_id=str(item.id),
        revision=revision_id,
        content=text,
        kind="wikitext",
        url=site.url(title, revision_id),
        licence=site.licence,
        source=site.name,
        namespace=item.namespace or 0,
        is_redirect=item.redirect is not None,
    )


def _read_json(dump: DumpFile, licence: str | None, tell: Position) -> Iterator[Page]:
    place = _Place()
    make = _enterprise_page if dump.kind == "enterprise" else _extractor_page
    try:
        with open_lines(dump) as (lines, file):
            for line in lines:
                if line.isspace():
                    continue
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError(f"expected a JSON object, got {type(record).__name__}")
                page = make(record, licence, dump)
                place.title = page.title
                place.finish()
                yield page
                tell(file.tell())
    except BROKEN_STREAM as error:
        problem = _archive_problem(error)
    except CorpusError:
        raise
    except KeyError as error:
        problem = f"expected a JSON object with the key {error}"
    except json.JSONDecodeError as error:
        problem = f"invalid JSON: {error}"
    except ValueError as error:
        problem = str(error)
    except (TypeError, AttributeError, RecursionError) as error:
        problem = f"unexpected content: {error}"
    else:
        return
    raise place.broken(dump, problem)


def _enterprise_page(record: dict[str, Any], licence: str | None, dump: DumpFile) -> Page:
    url = str(record["url"])
    revision = str(record.get("version", {}).get("identifier", ""))
    found = [_licence_name(one) for one in record.get("license") or []]
    named = licence or next((one for one in found if one), None)
    name = str((record.get("is_part_of") or {}).get("identifier") or "") or source_name(url)
    site = make_site(url, name, named, str(dump.path))
    body = record.get("article_body") or {}
    is_html = bool(body.get("html"))
    return Page(
        title=storable(str(record["name"])),
        page_id=str(record["identifier"]),
        revision=revision,
        content=storable(str(body.get("html") or body.get("wikitext") or "")),
        kind="html" if is_html else "wikitext",
        url=site.url(storable(str(record["name"])), revision) if revision else url,
        licence=site.licence,
        source=name,
        namespace=int((record.get("namespace") or {}).get("identifier") or 0),
    )


def _licence_name(entry: Any) -> str:
    """Return a short name of a licence: of `CC-BY-SA-4.0`, `CC BY-SA 4.0`."""
    if not isinstance(entry, dict):
        return str(entry or "")
    identifier = str(entry.get("identifier") or "")
    if identifier.startswith("CC-"):
        kind, _, version = identifier.removeprefix("CC-").rpartition("-")
        return f"CC {kind} {version}"
    return identifier or str(entry.get("name") or "")


def _extractor_page(record: dict[str, Any], licence: str | None, dump: DumpFile) -> Page:
    url = str(record.get("url") or "")
    site = make_site(url, source_name(url), licence, str(dump.path))
    revision = str(record.get("revid") or "")
    title = storable(str(record["title"]))
    return Page(
        title=title,
        page_id=str(record["id"]),
        revision=revision,
        content=storable(str(record["text"])),
        kind="text",
        # WikiExtractor's address is that of the page; the revision is known all the same.
        url=site.url(title, revision) if revision and "/" in url else url,
        licence=site.licence,
        source=site.name,
    )


def count_bytes(dumps: list[DumpFile]) -> int:
    """Return the size of the files, as a measure of progress."""
    total = 0
    for dump in dumps:
        with suppress(OSError):
            total += dump.path.stat().st_size
    return total
