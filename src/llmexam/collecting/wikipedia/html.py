"""HTML of an article to sections of plain text, with the same rules as for wikitext."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from llmexam.collecting.wikipedia.formulas import lowered, raised, tex_to_unicode, tidy_tex
from llmexam.collecting.wikipedia.numbers import find_numbers, squeeze
from llmexam.collecting.wikipedia.settings import WikipediaSettings
from llmexam.collecting.wikipedia.source import SourceCounts
from llmexam.collecting.wikipedia.wikitext import INFOBOX, Section
from llmexam.errors import MissingDependencyError

_UNSHOWN = (
    "style, script, link, meta, sup.reference, .reference, .mw-editsection, .navbox, .hatnote, "
    ".reflist, ol.references, .mw-references-wrap, .ambox, .noprint, .mw-empty-elt, .metadata, "
    ".sistersitebox, .toc, .sidebar, .error, .mw-cite-backlink, .IPA-label, .ext-phonos"
)
_IMAGES = "figure, .thumb, .gallery, figcaption, img, .mw-file-element"
_HEADINGS = re.compile(r"h[1-6]")
_BLOCKS = ["p", "div", "li", "dd", "blockquote", "section", "pre", "ul", "ol", "dl"]


def html_to_sections(
    content: str, settings: WikipediaSettings
) -> tuple[list[Section], SourceCounts]:
    """Return the sections of an article's HTML, and what its source shows.

    Args:
        content: HTML as in Enterprise dumps.
        settings: What is shown.
    """
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        raise MissingDependencyError("reading HTML dumps", "beautifulsoup4", "wiki") from None
    soup = BeautifulSoup(content, "lxml")
    body = soup.body or soup
    for element in body.select(_UNSHOWN):
        element.decompose()
    for element in body.select("figcaption" if settings.captions else _IMAGES):
        if settings.captions:
            element.append("\n")
        else:
            element.decompose()
    formulas = _replace_formulas(body, settings)
    counts = SourceCounts(find_numbers(_without(body.get_text(" "), formulas)), formulas)
    _replace_scripts(body)
    infobox = _take_infobox(body, shown=settings.infoboxes)
    for table in body.find_all("table"):
        if table.parent is not None and table.find_parent("table") is None:
            table.replace_with("\n" + "\n".join(_table_rows(table)) + "\n")
    _break_lines(body)
    sections = _split(body)
    if infobox:
        place = 1 if sections and not sections[0].path else 0
        sections.insert(place, Section(INFOBOX, infobox))
    return [section for section in sections if section.text], counts


def _replace_formulas(body: Any, settings: WikipediaSettings) -> Counter[str]:
    found: Counter[str] = Counter()
    for math in body.find_all("math"):
        tex = str(math.get("alttext") or "")
        note = math.find("annotation")
        if not tex and note is not None:
            tex = note.get_text()
        tex = re.sub(r"^\{\\displaystyle\s*(.*)\}$", r"\1", tex.strip(), flags=re.DOTALL)
        shown = tex_to_unicode(tex) if settings.formulas == "unicode" else f"${tidy_tex(tex)}$"
        element = math.find_parent(class_="mwe-math-element") or math
        if tex:
            found[squeeze(tex if settings.formulas == "tex" else shown)] += 1
        element.replace_with(shown if tex else "")
    return found


def _without(text: str, formulas: Counter[str]) -> str:
    # Formulas stand between dollars by now; their numbers are not counted apart.
    return re.sub(r"\$[^$]*\$", " ", text) if formulas else text


def _replace_scripts(body: Any) -> None:
    for element in body.find_all(["sup", "sub"]):
        text = element.get_text()
        element.replace_with(raised(text) if element.name == "sup" else lowered(text))


def _take_infobox(body: Any, *, shown: bool) -> str:
    rows: list[str] = []
    for table in body.find_all("table", class_=re.compile("infobox|taxobox|infotable")):
        if table.parent is None:
            continue
        if shown:
            for row in table.find_all("tr"):
                cells = [_flat(cell) for cell in row.find_all(["th", "td"], recursive=False)]
                cells = [cell for cell in cells if cell]
                if cells:
                    rows.append(
                        ": ".join([cells[0], "; ".join(cells[1:])]) if cells[1:] else cells[0]
                    )
        table.decompose()
    return "\n".join(rows)


def _table_rows(table: Any) -> list[str]:
    headers: list[str] = []
    lines = [_flat(caption) for caption in table.find_all("caption")[:1]]
    pending = ""
    for row in table.find_all("tr"):
        cells = row.find_all(["th", "td"], recursive=False)
        values = [_flat(cell) for cell in cells]
        if cells and all(cell.name == "th" for cell in cells):
            if pending:
                lines.append(pending)
            headers, pending = values, "; ".join(value for value in values if value)
            continue
        named = [
            f"{headers[i]}: {value}" if i < len(headers) and headers[i] else value
            for i, value in enumerate(values)
            if value
        ]
        if named:
            lines.append("; ".join(named))
            if len(named) == len(headers):
                pending = ""
    return [*lines, pending] if pending else lines


def _flat(element: Any) -> str:
    return " ".join(element.get_text(" ").split())


def _break_lines(body: Any) -> None:
    for element in body.find_all("br"):
        element.replace_with("\n")
    for element in body.find_all("dt"):
        element.append(": ")
    for element in body.find_all("li"):
        element.insert(0, "- ")
    for element in body.find_all(_BLOCKS):
        before = element.find_previous_sibling()
        if not (element.name == "dd" and before is not None and before.name == "dt"):
            element.insert_before("\n")
        element.append("\n")
        if element.name == "p":
            element.append("\n")


def _split(body: Any) -> list[Section]:
    mark = "\ue008"
    levels: list[tuple[int, str]] = []
    for heading in body.find_all(_HEADINGS):
        levels.append((int(heading.name[1]), _flat(heading)))
        heading.replace_with(mark)
    parts = body.get_text().split(mark)
    stack: list[tuple[int, str]] = []
    sections = [Section("", _tidy(parts[0]))]
    for (level, title), text in zip(levels, parts[1:], strict=True):
        stack = [*[one for one in stack if one[0] < level], (level, title)]
        sections.append(Section(" > ".join(one for _, one in stack), _tidy(text)))
    return sections


def _tidy(text: str) -> str:
    text = re.sub(r"[ \t\xa0]+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" *\n *", "\n", text)).strip()
