"""Links of wikitext as their text."""

from __future__ import annotations

import re

_INNERMOST = re.compile(r"\[\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]\]")
_EXTERNAL = re.compile(
    r"\[(?:(?:https?|ftp|irc|news|mailto):|//)[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]", re.IGNORECASE
)
_FILE = re.compile(r"\s*(?:file|image|media|datei|bild|fichier|archivo|imagen)\s*:", re.IGNORECASE)
_CATEGORY = re.compile(
    r"\s*(?:category|kategorie|catégorie|categoría|categoria)\s*:", re.IGNORECASE
)
_LANGUAGE = re.compile(r"\s*(?:[a-z]{2,3}|simple|zh-[a-z-]+|be-[a-z-]+)\s*:\s*[^|]*$")
_PLACEMENT = re.compile(
    r"(?:thumb(?:nail)?|frame(?:d|less)?|border|left|right|center|centre|none|baseline|middle|sub|super"
    r"|top|bottom|text-\w+|upright(?:=.*)?|\d*(?:x\d+)?\s*px|(?:alt|link|page|lang|class|start|thumbtime)=.*)",
    re.IGNORECASE | re.DOTALL,
)
CATEGORY_LINK = re.compile(
    r"\[\[\s*(?:category|kategorie|catégorie|categoría|categoria)\s*:\s*([^\[\]|]+)", re.IGNORECASE
)


def replace_links(text: str, *, captions: bool) -> str:
    """Return a wikitext with links replaced by their text, innermost first.

    Args:
        text: Wikitext with its templates expanded.
        captions: Whether captions of files are kept, as lines of their own.
    """
    text = _EXTERNAL.sub(r"\1", text)
    if "[[" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        return _link_text(match[1], captions)

    for _ in range(8):
        text, n_replaced = _INNERMOST.subn(replace, text)
        if not n_replaced:
            break
    return text


def _link_text(content: str, captions: bool) -> str:
    target, pipe, label = content.partition("|")
    if _FILE.match(target):
        if not captions:
            return ""
        parts = [part for part in label.split("|") if not _PLACEMENT.fullmatch(part.strip())]
        return f"\n{parts[-1].strip()}\n" if parts else ""
    if _CATEGORY.match(target) or (not pipe and _LANGUAGE.match(target)):
        return ""
    if pipe and label.strip():
        # MediaWiki shows all that follows the first pipe.
        return label
    shown = target.strip().removeprefix(":")
    if pipe:
        # The pipe trick: `[[Mercury (planet)|]]` is shown as "Mercury".
        shown = re.sub(r"\s*\([^()]*\)$|,.*$", "", shown.rpartition(":")[2])
    return shown


def category_names(wikitext: str) -> set[str]:
    """Return the names of a page's categories, in the form of `normal_category`."""
    return {normal_category(name) for name in CATEGORY_LINK.findall(wikitext)}


def normal_category(name: str) -> str:
    """Return a category's name in lower case, with spaces for underscores and no namespace.

    >>> normal_category("Category:Noble_gases")
    'noble gases'
    """
    name = name.replace("_", " ")
    name = name.partition(":")[2] if name.lower().startswith("category:") else name
    return " ".join(name.split()).lower()
