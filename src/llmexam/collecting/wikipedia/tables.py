"""Tables of wikitext as rows of text, by wikitextparser."""

from __future__ import annotations

import re

import wikitextparser

_TABLE_EDGE = re.compile(r"^[ \t:*#]*(\{\|)|^[ \t]*(\|\})(?!\})", re.MULTILINE)
_LARGEST = 400_000
_WIDEST_SPAN = re.compile(r"((?:col|row)span\s*=\s*[\"']?\s*)(\d{3,})", re.IGNORECASE)


def replace_tables(text: str) -> str:
    """Return a wikitext with its tables as one line per row; a table within a cell is one line.

    Cells are written as `header: cell` and joined by `; `.
    """
    if "{|" not in text:
        return text
    parts: list[str] = []
    opened: list[int] = []
    position = 0
    for match in _TABLE_EDGE.finditer(text):
        if match[1] is not None:
            if not opened:
                parts.append(text[position : match.start(1)])
                position = match.start(1)
            opened.append(match.start(1))
        elif opened:
            opened.pop()
            if not opened:
                parts.append(table_rows(text[position : match.end(2)]))
                position = match.end(2)
    if opened:
        # Never closed: MediaWiki closes it at the end of the page.
        parts.append(table_rows(text[position:] + "\n|}"))
        position = len(text)
    parts.append(text[position:])
    return "".join(parts)


def table_rows(table: str) -> str:
    """Return the rows of one table as lines, its caption first."""
    inner = table[2:-2]
    if "{|" in inner:
        inner = replace_tables(inner)
        inner = re.sub(r"\n(?![|!])", " ", inner)
    if len(inner) > _LARGEST:
        return _plain_rows(inner)
    # A span of thousands of cells would fill memory.
    inner = _WIDEST_SPAN.sub(r"\g<1>99", inner)
    parsed = wikitextparser.parse(f"{{|{inner}|}}").tables
    if not parsed:
        return _plain_rows(inner)
    try:
        cells = parsed[0].cells(span=True)
    except (IndexError, ValueError, TypeError, AttributeError, RuntimeError):
        # Found on malformed tables; their cells are kept without headers.
        return _plain_rows(inner)
    lines = _rows(cells)
    caption = parsed[0].caption
    if caption and caption.strip():
        lines.insert(0, _flat(caption))
    return "\n\n" + "\n".join(lines) + "\n\n"


def _rows(cells: list[list[wikitextparser.Cell | None]]) -> list[str]:
    headers: list[str] = []
    lines = []
    pending_headers = ""
    shown: set[int] = set()
    for row in cells:
        values = [_flat(cell.value) if cell is not None else "" for cell in row]
        is_header = [cell is not None and bool(cell.is_header) for cell in row]
        # A cell that spans several rows is shown in each; one that spans columns only once.
        repeats = [i > 0 and row[i] is not None and row[i] is row[i - 1] for i in range(len(row))]
        repeats = [r or _is_same(row, i) for i, r in enumerate(repeats)]
        if all(h or not v for h, v in zip(is_header, values, strict=True)) and any(values):
            if pending_headers:
                lines.append(pending_headers)
            headers = values
            pending_headers = "; ".join(
                value for value, again in zip(values, repeats, strict=True) if value and not again
            )
            continue
        parts = []
        for place, (value, again) in enumerate(zip(values, repeats, strict=True)):
            if not value or again:
                continue
            header = headers[place] if place < len(headers) else ""
            # A number in a header must be shown once, in whichever row comes first.
            parts.append(f"{header}: {value}" if header and header != value else value)
            shown.add(place)
        if parts:
            lines.append("; ".join(parts))
            if shown.issuperset(i for i, h in enumerate(headers) if h):
                pending_headers = ""
    if pending_headers:
        lines.append(pending_headers)
    return lines


def _is_same(row: list[wikitextparser.Cell | None], place: int) -> bool:
    if place == 0:
        return False
    here, before = row[place], row[place - 1]
    return here is not None and before is not None and here.span == before.span


def _plain_rows(inner: str) -> str:
    """Return the cells of a table that cannot be parsed, one row in a line, without attributes."""
    lines = []
    for row in re.split(r"^[ \t]*\|-.*$", inner, flags=re.MULTILINE):
        cells = re.split(r"^[ \t]*[|!]\+?|\|\||!!", row, flags=re.MULTILINE)
        shown = [_flat(cell.rpartition("|")[2]) for cell in cells]
        lines.append("; ".join(cell for cell in shown if cell))
    return "\n\n" + "\n".join(line for line in lines if line) + "\n\n"


def _flat(cell: str) -> str:
    return " ".join(cell.replace("\n*", "; ").split())
