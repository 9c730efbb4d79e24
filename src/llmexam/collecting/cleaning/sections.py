"""Step `sections`: drop documents whose section has a given title, such as References."""

from __future__ import annotations

from pydantic import Field

from llmexam.collecting.cleaning.step import Cleaner, Outcome, Part, Step
from llmexam.collecting.document import Document
from llmexam.exam.normalise import normalise
from llmexam.settings.base import OneOrMany

DEFAULT_TITLES = (
    "Bibliography",
    "Citations",
    "External links",
    "Footnotes",
    "Further reading",
    "Gallery",
    "Notes",
    "Notes and references",
    "References",
    "See also",
    "Sources",
    "Works cited",
)


class SectionsStep(Step):
    """Drops documents by the headings of their section; subsections are dropped with it."""

    titles: OneOrMany[str] = Field(
        default=DEFAULT_TITLES,
        description="titles of sections to drop; case and punctuation are ignored",
    )

    def cleaner(self, part: Part) -> Cleaner:
        """Return the cleaner."""
        return _SectionsCleaner(self.titles)


class _SectionsCleaner:
    def __init__(self, titles: tuple[str, ...]) -> None:
        self._titles = {normalise(title): title for title in titles}

    def clean(self, document: Document, row: int) -> Outcome:
        for heading in document.section.split(" > ") if document.section else ():
            title = self._titles.get(normalise(heading))
            if title is not None:
                return Outcome(document.text, dropped=f"section {title}")
        return Outcome(document.text)
