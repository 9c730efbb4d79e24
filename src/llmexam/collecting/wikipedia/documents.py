"""Pages to documents, with counts of what was skipped and lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from llmexam.collecting.document import Document
from llmexam.collecting.wikipedia.formulas import tex_to_unicode
from llmexam.collecting.wikipedia.html import html_to_sections
from llmexam.collecting.wikipedia.links import category_names, normal_category
from llmexam.collecting.wikipedia.numbers import lost_formulas, lost_numbers, squeeze
from llmexam.collecting.wikipedia.page import Counts, Page
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.source import HEADING, SourceCounts, count_source
from llmexam.collecting.wikipedia.templates import Dropped
from llmexam.collecting.wikipedia.wikitext import Section, wikitext_to_sections

_REDIRECT = re.compile(
    r"\s*#\s*(?:redirect|weiterleitung|redirection|redirección)\b", re.IGNORECASE
)
_DISAMBIGUATION = re.compile(
    r"\{\{\s*(?:(?:\w+ )?dis?ambig(?:uation)?(?: page| cleanup)?|dab|hndis"
    r"|human name disambiguation|geodis|numberdis"
    r"|letter-number combination disambiguation|schooldis|roaddis|hospitaldis"
    r"|mathdab|airport disambiguation|begriffsklärung|homonymie)\s*(?:\||\}\})",
    re.IGNORECASE,
)
_LIST_TITLE = re.compile(
    r"(?:lists? of|index of|outline of|glossary of|timeline of)\b", re.IGNORECASE
)
_LIST_PAGE = re.compile(
    r"\{\{\s*(?:set index(?: article)?|sia|surname|given name|list of lists)\s*(?:\||\}\})", re.I
)


class PageConverter:
    """Converts pages to documents.

    Args:
        settings: What is kept and how.
    """

    def __init__(self, settings: WikipediaSettings) -> None:
        self._settings = settings
        self._categories = {normal_category(one) for one in settings.category}
        self._left_out = {" ".join(one.lower().split()) for one in settings.drop_sections}

    def convert(self, page: Page, counts: Counts) -> list[Document]:
        """Return the documents of a page, none if it is skipped.

        Args:
            page: An article.
            counts: Filled in.
        """
        if self._is_skipped(page, counts):
            return []
        source, sections = self._sections(page, counts)
        if self._settings.per == "article":
            sections = join_article(sections)
        documents = [
            document
            for number, section in enumerate(sections)
            for document in self._documents(page, number, section, counts)
        ]
        if not documents:
            counts.without_text += 1
            return []
        counts.articles += 1
        counts.documents += len(documents)
        if source is not None:
            self._measure(source, sections, counts)
        return documents

    def _is_skipped(self, page: Page, counts: Counts) -> bool:
        if _REDIRECT.match(page.content):
            counts.redirects += 1
        elif "disambiguations" not in self._settings.keep and (
            page.title.endswith("(disambiguation)") or _DISAMBIGUATION.search(page.content)
        ):
            counts.disambiguations += 1
        elif "lists" not in self._settings.keep and (
            _LIST_TITLE.match(page.title) or _LIST_PAGE.search(page.content)
        ):
            counts.lists += 1
        elif self._categories and not self._categories & category_names(page.content):
            counts.not_selected += 1
        else:
            return False
        return True

    def _sections(self, page: Page, counts: Counts) -> tuple[SourceCounts | None, list[Section]]:
        """Return what the source shows, if it is markup, and the sections of the page."""
        if page.kind == "text":
            return None, [Section("", page.content.strip())] if page.content.strip() else []
        if page.kind == "html":
            sections, source = html_to_sections(page.content, self._settings)
            kept = [one for one in sections if not self._is_left_out(one.path)]
            counts.dropped_sections += len(sections) - len(kept)
            return (source if len(kept) == len(sections) else None), kept
        wikitext, n_dropped = self.without_left_out(page.content)
        counts.dropped_sections += n_dropped
        dropped = Dropped()
        sections = wikitext_to_sections(wikitext, page.title, self._settings, dropped)
        counts.lost_by.update(dropped.numbers)
        counts.unknown_templates.update(dropped.uses)
        return count_source(wikitext), sections

    def _is_left_out(self, path: str) -> bool:
        return any(" ".join(part.lower().split()) in self._left_out for part in path.split(" > "))

    def without_left_out(self, wikitext: str) -> tuple[str, int]:
        """Return a wikitext without the sections that the settings leave out, and their number."""
        parts, n_dropped, position, depth = [], 0, 0, 0
        for match in HEADING.finditer(wikitext):
            level = len(match[1])
            if depth and level > depth:
                continue
            title = " ".join(re.sub(r"'{2,}|<!--.*?-->", "", match[2]).lower().split())
            if not depth:
                parts.append(wikitext[position : match.start()])
            position = match.start()
            depth = level if title in self._left_out else 0
            n_dropped += bool(depth)
        parts.append("" if depth else wikitext[position:])
        return "".join(parts), n_dropped

    def _documents(
        self, page: Page, number: int, section: Section, counts: Counts
    ) -> Iterator[Document]:
        if len(section.text) < self._settings.min_characters:
            counts.short_sections += 1
            return
        id_ = f"{page.source}:{page.page_id}:{number}"
        for part, text in enumerate(_split_long(section.text, self._settings.max_characters)):
            yield Document(
                id=f"{id_}.{part + 1}" if part else id_,
                title=page.title,
                section=section.path,
                text=text,
                page_id=page.page_id,
                revision=page.revision,
                licence=page.licence,
                url=page.url,
                source=page.source,
            )

    def _measure(self, source: SourceCounts, sections: list[Section], counts: Counts) -> None:
        text = "\n".join(f"{section.path}\n{section.text}" for section in sections)
        formulas = source.formulas
        if self._settings.formulas == "unicode":
            formulas = Counter()
            for tex, n in source.formulas.items():
                formulas[squeeze(tex_to_unicode(tex))] += n
        counts.measured += 1
        counts.numbers += source.numbers.total()
        counts.formulas += source.formulas.total()
        counts.lost_numbers += lost_numbers(source.numbers, text).total()
        counts.lost_formulas += lost_formulas(formulas, text)


def join_article(sections: list[Section]) -> list[Section]:
    """Return all sections as one, with their headings as lines."""
    parts = []
    for section in sections:
        heading = section.path.rpartition(" > ")[2]
        parts.append(f"{heading}\n{section.text}" if heading else section.text)
    return [Section("", "\n\n".join(parts))] if parts else []


def _split_long(text: str, longest: int) -> Iterator[str]:
    """Yield a text in parts of at most `longest` characters, cut between lines where possible."""
    while len(text) > longest:
        cut = max(text.rfind("\n\n", 1, longest), text.rfind("\n", longest // 2, longest))
        if cut <= 0:
            cut = text.rfind(" ", longest // 2, longest)
        if cut <= 0:
            cut = longest
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text
