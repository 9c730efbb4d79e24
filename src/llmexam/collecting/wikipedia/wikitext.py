"""Wikitext to sections of plain text that keep numbers, formulas, tables and lists."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from llmexam.collecting.wikipedia.formulas import (
    lowered,
    mhchem,
    raised,
    tex_to_unicode,
    tidy_tex,
)
from llmexam.collecting.wikipedia.links import replace_links
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.source import COMMENT, FORMULA, GRAPHIC, HEADING, REF, TAG
from llmexam.collecting.wikipedia.tables import replace_tables
from llmexam.collecting.wikipedia.templates import (
    INFOBOX_END,
    INFOBOX_START,
    Dropped,
    expand_templates,
)

INFOBOX = "Infobox"
_KEPT_START, _KEPT_END = "\ue000", "\ue001"
_DIGITS = str.maketrans("0123456789", "".join(chr(0xE010 + i) for i in range(10)))
_BACK = str.maketrans("".join(chr(0xE010 + i) for i in range(10)), "0123456789")
_KEPT = re.compile(f"{_KEPT_START}([{chr(0xE010)}-{chr(0xE019)}]+){_KEPT_END}")
_PRIVATE = re.compile("[\ue000-\ue01f]")
_VERBATIM = re.compile(
    r"<(nowiki|pre|syntaxhighlight|source)\b[^<>]*?(?:/>|>(.*?)(?:</\1\s*>|\Z))",
    re.DOTALL | re.IGNORECASE,
)
_GALLERY = re.compile(r"<gallery\b[^<>]*>(.*?)(?:</gallery\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_SCRIPT = re.compile(r"<(sup|sub)\b[^<>]*>([^<>]*)</\1\s*>", re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^<>]*>|<hr\b[^<>]*>", re.IGNORECASE)
_ITEM = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
_CELL = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_BLOCK = re.compile(
    r"</?(?:p|div|blockquote|center|ul|ol|dl|dd|table|tr|poem|h[1-6])\b[^<>]*>", re.I
)
_MAGIC = re.compile(r"__[A-Z]{3,}__")
_QUOTES = re.compile(r"'{2,5}")
_DEFINITION = re.compile(r"^;[ \t]*(.+?)(?:\n:[ \t]*|(?<=\S) : )(.+)$", re.MULTILINE)
_BULLET = re.compile(r"^[*#:;]*[*#][ \t]*", re.MULTILINE)
_INDENT = re.compile(r"^[:;]+[ \t]*", re.MULTILINE)
_SPACES = re.compile(r"[ \t\xa0]{2,}|[\t\xa0]")
_EMPTY_BRACKETS = re.compile(r"\((?:\s|[,;:](?![)\w]))*\) ?")
_EMPTY_START = re.compile(r"\(\s*[,;]+\s*")
_LINES = re.compile(r" +\n *|\n +")
_BLANK = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of an article.

    Attributes:
        path: Headings, outermost first, joined by ` > `; empty for the lead.
        text: The text.
    """

    path: str
    text: str


@dataclass
class _Kept:
    """Texts that no later step may change, represented by private characters."""

    texts: list[str] = field(default_factory=list)

    def put(self, text: str) -> str:
        self.texts.append(text)
        return f"{_KEPT_START}{str(len(self.texts) - 1).translate(_DIGITS)}{_KEPT_END}"

    def restore(self, text: str) -> str:
        return _KEPT.sub(lambda m: self.texts[int(m[1].translate(_BACK))], text)


def wikitext_to_sections(
    wikitext: str, title: str, settings: WikipediaSettings, dropped: Dropped
) -> list[Section]:
    """Return the sections of a page as plain text.

    Args:
        wikitext: The page.
        title: Its title.
        settings: What is shown: infoboxes, captions, the form of formulas.
        dropped: Filled in with what was dropped, by name.
    """
    kept = _Kept()
    text = _PRIVATE.sub("", wikitext)
    text = REF.sub("", COMMENT.sub("", text))
    text = _VERBATIM.sub(lambda m: kept.put(html.unescape(m[2] or "")), text)
    text = FORMULA.sub(lambda m: kept.put(_formula(m[1], m[2], settings)), text)
    if settings.captions:
        text = _GALLERY.sub(lambda m: _gallery(m[1]), text)
    text = GRAPHIC.sub("", text)
    text = expand_templates(text, title, infoboxes=settings.infoboxes, dropped=dropped)
    text = replace_links(text, captions=settings.captions)
    text = replace_tables(text)
    sections = []
    infobox, text = _take_infoboxes(text)
    for path, body in _split(text):
        sections.append(Section(path, _plain(body, kept)))
        if not path and infobox:
            sections.append(Section(INFOBOX, _plain(infobox, kept)))
    return [section for section in sections if section.text]


def _formula(tag: str, content: str, settings: WikipediaSettings) -> str:
    content = html.unescape(content)
    if tag.lower() != "math":
        return mhchem(" ".join(content.split())) if settings.formulas == "unicode" else content
    if not content.strip():
        return ""
    if settings.formulas == "unicode":
        return tex_to_unicode(content)
    return f"${tidy_tex(content)}$"


def _gallery(content: str) -> str:
    captions = [line.partition("|")[2] for line in content.splitlines()]
    return "\n".join(caption for caption in captions if caption)


def _take_infoboxes(text: str) -> tuple[str, str]:
    """Return the rows of infoboxes, and the text without them."""
    if INFOBOX_START not in text:
        return "", text
    rows: list[str] = []

    def take(match: re.Match[str]) -> str:
        rows.append(match[1])
        return ""

    pattern = re.compile(f"{INFOBOX_START}([^{INFOBOX_START}{INFOBOX_END}]*){INFOBOX_END}")
    n_replaced = 1
    while n_replaced:
        text, n_replaced = pattern.subn(take, text)
    return "\n".join(rows), text


def _split(text: str) -> list[tuple[str, str]]:
    """Return the parts of a wikitext with the path of their headings."""
    parts: list[tuple[str, str]] = []
    stack: list[tuple[int, str]] = []
    start = 0
    for match in HEADING.finditer(text):
        parts.append((" > ".join(title for _, title in stack), text[start : match.start()]))
        level = len(match[1])
        heading = " ".join(TAG.sub("", _QUOTES.sub("", match[2])).split())
        stack = [(depth, title) for depth, title in stack if depth < level]
        stack.append((level, html.unescape(heading)))
        start = match.end()
    parts.append((" > ".join(title for _, title in stack), text[start:]))
    return parts


def _plain(text: str, kept: _Kept) -> str:
    text = _DEFINITION.sub(r"\1: \2", text)
    text = _INDENT.sub("", _BULLET.sub("- ", text))
    text = _BREAK.sub("\n", _ITEM.sub("\n- ", text))
    for _ in range(4):
        text, n_replaced = _SCRIPT.subn(_script, text)
        if not n_replaced:
            break
    text = TAG.sub("", _BLOCK.sub("\n", _CELL.sub("; ", text)))
    text = _MAGIC.sub("", _QUOTES.sub(_apostrophes, text))
    text = html.unescape(text)
    text = kept.restore(text)
    # What was kept may have been kept in parts: `<pre>` around `<math>`.
    if _KEPT_START in text:
        text = kept.restore(text)
    text = _EMPTY_START.sub("(", _EMPTY_BRACKETS.sub("", _SPACES.sub(" ", text)))
    return _BLANK.sub("\n\n", _LINES.sub("\n", text)).strip()


def _script(match: re.Match[str]) -> str:
    text = html.unescape(match[2])
    text = _QUOTES.sub("", text)
    return raised(text) if match[1].lower() == "sup" else lowered(text)


def _apostrophes(match: re.Match[str]) -> str:
    # Two are italic, three bold, five both; of four, the first is an apostrophe.
    return "'" if len(match[0]) == 4 else ""
