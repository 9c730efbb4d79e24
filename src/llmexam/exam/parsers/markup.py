"""Plain text of HTML and of XML bodies, as question banks use them for texts.

Texts of question banks are often typed by hand, so only names of HTML elements are tags here: in
"if a<b" and "List<String>" the sign stays. Every step is linear in the length of the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

_BLOCKS = frozenset(
    "address article aside blockquote br center dd div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tr ul".split()
)
_DROPPED = frozenset("annotation head iframe object script style svg template".split())
_INLINE = frozenset(
    "a abbr acronym audio b bdi bdo big body button caption cite code col colgroup data del dfn em "
    "font html i img input ins kbd label mark math meter nobr nolink option output q s samp select "
    "small source span strike strong sub sup tbody td textarea tfoot th thead time tt u var video "
    "wbr maction semantics".split()
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(?=[\s/>])")
_ALT = re.compile(r"""\balt(?:text)?\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
_WITH_BARE_ATTRIBUTES = frozenset(
    "audio button dl input ol option select table td th tr ul video".split()
)
_MATH = frozenset(
    "menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover".split()
)
# How a part of an element of MathML is joined to the one before it, by its place.
_SHIFTS = {
    ("msup", 2): "^",
    ("msub", 2): "_",
    ("msubsup", 2): "_",
    ("msubsup", 3): "^",
    ("mfrac", 2): "/",
}
_NAMES = _BLOCKS | _DROPPED | _INLINE | _MATH
_PLAIN_POWER = re.compile(r"[+\-\u2212]?\w+")
# Signs that decide where a tag ends, or a value in single quotes that holds one of them. Such
# values are short and few, because their search may be repeated.
_SIGN = re.compile(r"""[<>"]|(?<==)'[^'"<>]{0,500}[<>][^'"]{0,500}'""")
_MOST_SINGLE_QUOTED = 20
# Powers and formulas are nested no deeper; what is deeper is laid out in one line.
_MAX_NESTED = 30


def html_to_text(text: str, *, keeps_lines: bool = False) -> str:
    r"""Return the text of an HTML fragment.

    Line breaks, paragraphs, list items and table rows begin a new line; a power becomes `^`, and
    an image the text that stands for it.

    Args:
        text: The fragment.
        keeps_lines: Whether line breaks of a fragment without block elements stay.

    >>> html_to_text("<p>2 &lt; 10<sup>-3</sup></p><p>H<sub>2</sub>O</p>")
    '2 < 10^-3\nH2O'
    """
    pieces = list(_pieces(text))
    has_blocks = any(name in _BLOCKS for name, _, _, _ in pieces)
    builder = TextBuilder(keeps_lines=keeps_lines and not has_blocks)
    for name, is_end, alt, data in pieces:
        if not name:
            builder.data(html.unescape(data))
        elif is_end:
            builder.end(name)
        else:
            builder.start(name, alt)
    return builder.text()


def formatted_text(text: str, format: str) -> str:
    """Return the text of a field whose format Moodle names.

    Args:
        text: The field.
        format: `html`, `plain_text`, `markdown` or `moodle_auto_format`, or the short names of
            GIFT; empty if it is not named.
    """
    if format in ("plain", "plain_text", "markdown"):
        return text.strip()
    return html_to_text(text, keeps_lines=format != "html")


def _pieces(text: str) -> Iterator[tuple[str, bool, str, str]]:
    """Yield tags and texts: name, whether it ends an element, alternative text, and text."""
    start = at = 0
    no_comment_ends = False
    last_end = text.rfind(">")
    while (at := text.find("<", at)) >= 0:
        if text.startswith("<!--", at) and not no_comment_ends:
            end = text.find("-->", at + 4)
            if end < 0:
                no_comment_ends = True
                at += 1
                continue
            yield "", False, "", text[start:at]
            start = at = end + 3
            continue
        match = _TAG.match(text, at)
        name = match[2].lower() if match else ""
        if match is None or match.end() > last_end or name not in _NAMES:
            at += 1
            continue
        end = _end_of_tag(text, match.end())
        if end < 0 or not _is_tag(name, text[match.end() : end]):
            at += 1
            continue
        yield "", False, "", text[start:at]
        found = _ALT.search(text, match.end(), end) if name in ("img", "math") else None
        alt = html.unescape(found[1] or found[2] or "") if found else ""
        yield name, bool(match[1]), alt, ""
        start = at = end + 1
    yield "", False, "", text[start:]


def _end_of_tag(text: str, at: int) -> int:
    """Return where a tag ends, or -1 where "<" comes first, outside quotes.

    The search ends at "<" so that tags which never end are not each searched to the end of the
    text. What one search skips as quoted, the next one, which begins there, sees as unquoted.
    """
    is_quoted = False
    n_single = 0
    for found in _SIGN.finditer(text, at):
        sign = found[0]
        if sign == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif sign == ">":
            return found.start()
        elif sign == "<" or n_single == _MOST_SINGLE_QUOTED:
            return -1
        else:
            n_single += 1
    return -1


def _is_tag(name: str, attributes: str) -> bool:
    """Return whether what follows a name are attributes: "<b and c>" compares numbers."""
    if "<" in attributes and "<" in _QUOTED.sub("", attributes):
        return False
    return not attributes.strip(" \t\r\n/") or "=" in attributes or name in _WITH_BARE_ATTRIBUTES


class TextBuilder:
    """Collects the text of elements that begin and end, and lays it out in lines.

    Args:
        keeps_lines: Whether line breaks in the text stay.
    """

    def __init__(self, *, keeps_lines: bool = False) -> None:
        self._keeps_lines = keeps_lines
        self._parts: list[str] = []
        self._raised: list[int] = []
        self._n_dropped = 0
        self._n_pre = 0
        self._math_alt: list[bool] = []
        # Open elements of MathML: name, place of their text, and number of children so far.
        self._math: list[tuple[str, int, list[int]]] = []

    def start(self, name: str, alt: str = "") -> None:
        """Begin an element with an alternative text."""
        if name in _DROPPED:
            self._n_dropped += 1
        elif name in _BLOCKS:
            self._parts.append("\n")
            if name == "li":
                self._parts.append("- ")
            self._n_pre += name == "pre"
        elif name in ("td", "th"):
            self._parts.append("\t")
        elif name == "img" and not self._n_dropped:
            self._parts.append(f"[image: {_squeezed(alt)}]" if alt.strip() else "[image]")
        elif name in ("sup", "sub") and len(self._raised) < _MAX_NESTED:
            self._raised.append(len(self._parts))
        elif name in _MATH and len(self._math) < _MAX_NESTED:
            if self._math:
                self._math[-1][2][0] += 1
            self._math.append((name, len(self._parts), [0]))
        elif name == "math":
            self._math_alt.append(bool(alt.strip()))
            if alt.strip():
                self._parts.append(f" {alt.strip()} ")
                self._n_dropped += 1

    def end(self, name: str) -> None:
        """End an element."""
        if name in _DROPPED:
            self._n_dropped = max(0, self._n_dropped - 1)
        elif name in _BLOCKS:
            self._parts.append("\n")
            self._n_pre = max(0, self._n_pre - (name == "pre"))
        elif name in ("sup", "sub") and self._raised:
            place = self._raised.pop()
            inner = "".join(self._parts[place:]).strip()
            self._parts[place:] = [_shifted(inner, "^" if name == "sup" else "_")]
        elif name in _MATH and any(name == one for one, _, _ in self._math):
            self._end_math(name)
        elif name == "math" and self._math_alt and self._math_alt.pop():
            self._n_dropped = max(0, self._n_dropped - 1)

    def _end_math(self, name: str) -> None:
        """End an element of MathML, and write it as its place in the element around it asks."""
        place = len(self._parts)
        while self._math:
            own, place, _ = self._math.pop()
            if own == name:
                break
        inner = "".join(self._parts[place:]).strip()
        outer, _, count = self._math[-1] if self._math else ("", 0, [0])
        if name == "msqrt":
            inner = f"√({inner})"
        sign = _SHIFTS.get((outer, count[0]))
        if sign == "/" or (outer == "mfrac" and count[0] == 1):
            inner = inner if _PLAIN_POWER.fullmatch(inner) else f"({inner})"
        if sign:
            inner = f"/{inner}" if sign == "/" else _shifted(inner, sign)
        self._parts[place:] = [inner]

    def data(self, text: str) -> None:
        """Add text."""
        if self._n_dropped or not text:
            return
        text = text.replace("\xa0", " ").replace("\r\n", "\n").replace("\t", " ")
        if self._n_pre:
            # Spaces of a listing stay; U+E000 stands for them until the end.
            text = text.replace(" ", "\ue000")
        elif not self._keeps_lines:
            text = text.replace("\n", " ")
        self._parts.append(text)

    def text(self) -> str:
        """Return the text so far, without blank lines and surrounding space."""
        lines = []
        for line in "".join(self._parts).split("\n"):
            cells = [" ".join(cell.split()) for cell in line.split("\t")]
            found = " | ".join(cell for cell in cells if cell) if len(cells) > 1 else cells[0]
            if found and found != "-":
                lines.append(found.replace("\ue000", " ").rstrip())
        return "\n".join(lines).strip()


def element_text(
    element: Any, name_of: Callable[[Any], str], instead: Callable[[Any], str | None]
) -> str:
    """Return the text of an XML element and all below it.

    Args:
        element: An element of `xml.etree`.
        name_of: Returns the name of HTML for an element; other names are inline.
        instead: Returns the text that stands for an element and all below it, such as an empty
            one; None for an element whose own text is wanted.
    """
    builder = TextBuilder()
    # A stack instead of recursion, because a file may nest elements deeper than Python's limit.
    stack: list[tuple[Any, bool]] = [(element, False)]
    while stack:
        node, is_done = stack.pop()
        name = name_of(node)
        if is_done:
            builder.end(name)
            builder.data(node.tail or "")
            continue
        text = instead(node) if node is not element else None
        if text is not None:
            builder.data(text + (node.tail or ""))
            continue
        builder.start(name, node.get("alt") or node.get("alttext") or "")
        builder.data(node.text or "")
        if node is not element:
            stack.append((node, True))
        stack.extend((child, False) for child in reversed(node))
    return builder.text()


def local_name(tag: Any) -> str:
    """Return the name of an XML element without its namespace."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _shifted(text: str, sign: str) -> str:
    if sign == "_" and text.isdecimal():
        return text
    if not text:
        return ""
    return f"{sign}{text}" if _PLAIN_POWER.fullmatch(text) else f"{sign}({text})"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
