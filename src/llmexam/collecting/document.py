"""Documents of a collected corpus, with what attribution needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A text of a corpus and its source.

    The corpus reader uses `id`, `title` and `text`; the other fields are for attribution.

    Attributes:
        id: Unique within the corpus and the same in each collection of the same revision, such as
            `enwiki:12:3`.
        title: Title of the article or paper.
        section: Headings of the section, outermost first, separated by ` > `; empty for the lead.
        text: The text.
        page_id: Id of the article or paper at its source.
        revision: Revision of the page, or version of the paper; empty where there is none.
        licence: Licence of the text, such as `CC BY-SA 4.0`.
        url: Address of the page, for attribution.
        source: Where it was collected, such as `enwiki` or `arxiv`.
    """

    id: str
    title: str
    section: str
    text: str
    page_id: str
    revision: str
    licence: str
    url: str
    source: str
