"""A page of a dump before its conversion, and the wiki it is from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

from llmexam.errors import CorpusError

_FREE_HOSTS = (
    "wikipedia.org",
    "wiktionary.org",
    "wikibooks.org",
    "wikiversity.org",
    "wikisource.org",
    "wikivoyage.org",
    "wikiquote.org",
    "mediawiki.org",
    "commons.wikimedia.org",
    "species.wikimedia.org",
    "simple.wikipedia.org",
)
WIKIMEDIA_LICENCE = "CC BY-SA 4.0"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a dump with its text as the dump holds it.

    Attributes:
        title: Title without its namespace.
        page_id: Id of the page in its wiki.
        revision: Id of the revision.
        content: Wikitext, HTML or plain text.
        kind: Which of these.
        url: Address of this revision, for attribution.
        licence: Licence of the text.
        source: Short name of the wiki, such as `enwiki`.
        namespace: Number of the namespace; 0 has the articles.
        is_redirect: Whether the dump marks it as a redirect.
    """

    title: str
    page_id: str
    revision: str
    content: str
    kind: Literal["wikitext", "html", "text"]
    url: str
    licence: str
    source: str
    namespace: int = 0
    is_redirect: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A wiki: its address, short name and licence."""

    base: str
    name: str
    licence: str

    def url(self, title: str, revision: str) -> str:
        """Return the address of a revision."""
        name = quote(title.replace(" ", "_"), safe="/:(),'!~*")
        if _is_wikimedia(self.base):
            parts = urlsplit(self.base)
            return f"{parts.scheme}://{parts.netloc}/w/index.php?title={name}&oldid={revision}"
        return f"{self.base.rpartition('/')[0]}/{name}?oldid={revision}"


def make_site(base: str, name: str, licence: str | None, file: str) -> Site:
    """Return the wiki of a dump.

    Args:
        base: Address of its main page.
        name: Its database name, or empty.
        licence: Licence given by the user.
        file: The dump, for error texts.

    Raises:
        CorpusError: The licence of this wiki is unknown and none is given.
    """
    if licence is None:
        if not _is_wikimedia(base):
            host = urlsplit(base).netloc or base or "an unnamed wiki"
            raise CorpusError(
                f"the licence of texts from {host} is unknown",
                file=file,
                hint="Name it: --licence 'CC BY 4.0'",
            )
        licence = WIKIMEDIA_LICENCE
    return Site(base, name or source_name(base), licence)


def source_name(address: str) -> str:
    """Return a short name for the wiki of an address.

    >>> source_name("https://en.wikipedia.org/wiki/Neon"), source_name("https://a.example.com/x")
    ('enwiki', 'a.example.com')
    """
    host = urlsplit(address).netloc.lower()
    language, _, rest = host.partition(".")
    if rest == "wikipedia.org":
        return f"{language.replace('-', '_')}wiki"
    return host or "wiki"


def _is_wikimedia(base: str) -> bool:
    host = (urlsplit(base).hostname or "").lower()
    return any(host == free or host.endswith(f".{free}") for free in _FREE_HOSTS)


@dataclass
class Counts:
    """Counts of a collection; those of shards are added up.

    Attributes:
        pages: Pages in the dumps.
        articles: Pages that became documents.
        redirects: Redirects, skipped.
        disambiguations: Disambiguation pages, skipped unless kept.
        lists: List pages, skipped unless kept.
        other_namespaces: Pages outside the article namespace, skipped.
        not_selected: Pages without the requested title or category.
        duplicates: Pages whose id was read before, skipped.
        without_text: Pages of which no text was left.
        failed: Pages that could not be converted; `failed_titles` has the first ones.
        documents: Documents written.
        short_sections: Sections or articles under the minimum length.
        dropped_sections: Sections left out by their heading.
        measured: Articles whose losses could be measured: all but those that were plain text.
        numbers, formulas: Numbers and formulas in the source of the measured articles.
        lost_numbers, lost_formulas: Those that are not in the text.
        lost_by: Numbers in dropped templates and tags, by name.
        unknown_templates: Uses of templates that have no renderer, by name.
    """

    pages: int = 0
    articles: int = 0
    redirects: int = 0
    disambiguations: int = 0
    lists: int = 0
    other_namespaces: int = 0
    not_selected: int = 0
    duplicates: int = 0
    without_text: int = 0
    failed: int = 0
    documents: int = 0
    short_sections: int = 0
    dropped_sections: int = 0
    measured: int = 0
    numbers: int = 0
    formulas: int = 0
    lost_numbers: int = 0
    lost_formulas: int = 0
    lost_by: Counter[str] = field(default_factory=Counter)
    unknown_templates: Counter[str] = field(default_factory=Counter)
    failed_titles: list[str] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        """Add the counts of another part."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, one.name, mine + theirs)

    def per_thousand(self, n: int) -> float:
        """Return a number of losses per 1,000 measured articles."""
        return n * 1000 / self.measured if self.measured else 0.0

    def as_json(self, n_names: int | None = None) -> dict[str, Any]:
        """Return the counts as plain values.

        Args:
            n_names: Only so many names of templates, the most frequent ones.
        """
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in ("lost_by", "unknown_templates"):
            ordered = sorted(values[name].items(), key=lambda item: (-item[1], item[0]))
            values[name] = dict(ordered[:n_names])
        values["failed_titles"] = sorted(self.failed_titles)[:20]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return counts from what `as_json` wrote."""
        made = cls(**values)
        made.lost_by = Counter(made.lost_by)
        made.unknown_templates = Counter(made.unknown_templates)
        return made
