"""Tables of wikitext as rows of text, by wikitextparser."""

from __future__ import annotations

import re
from dataclasses import dataclass

import wikitextparser

_TABLE_EDGE = re.compile(r"^[ \t:*#]*(\{\|)|^[ \t]*(\|\})(?!\})", re.MULTILINE)
_MOST_CELLS = 2_000
_SPAN = re.compile(r"(?:row|col)span\s*=\s*[\"']?\s*(?:[2-9]|1\d)", re.IGNORECASE)
_HEADERS = re.compile(r"\|\||!!")
_VALUES = re.compile(r"\|\|")
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
    caption, cells = _simple_cells(inner)
    # The library places cells that span rows or columns. Its time is quadratic in their number.
    if _SPAN.search(inner) and sum(map(len, cells)) <= _MOST_CELLS:
        # A span of thousands of cells would fill memory.
        bounded = _WIDEST_SPAN.sub(r"\g<1>99", inner)
        parsed = wikitextparser.parse("{|" + bounded + "|}").tables
        try:
            placed = parsed[0].cells(span=True) if parsed else []
        except (IndexError, ValueError, TypeError, AttributeError, RuntimeError):
            # It raises on some malformed tables; their cells are kept as they stand.
            placed = []
        if placed:
            cells = [[_placed(cell) for cell in row] for row in placed]
    lines = _rows(cells)
    if caption.strip():
        lines.insert(0, _flat(caption))
    return "\n\n" + "\n".join(lines) + "\n\n"


@dataclass(slots=True)
class _Cell:
    """A cell; the same object stands in all places that it spans, with one key."""

    value: str
    is_header: bool
    key: tuple[int, int]


def _placed(cell: wikitextparser.Cell | None) -> _Cell:
    if cell is None:
        return _Cell("", False, (-1, -1))
    return _Cell(_flat(cell.value), bool(cell.is_header), cell.span)


def _simple_cells(inner: str) -> tuple[str, list[list[_Cell]]]:
    """Return the caption and the cells of a table, without regard to spans."""
    caption, rows, row, last = "", list[list[_Cell]](), list[_Cell](), None
    for line in inner.split("\n")[1:]:
        line = line.strip()
        if line.startswith("|-"):
            if row:
                rows.append(row)
            row, last = [], None
        elif line.startswith("|+"):
            caption, last = line[2:].rpartition("|")[2], None
        elif line[:1] in ("|", "!"):
            is_header = line[0] == "!"
            for part in (_HEADERS if is_header else _VALUES).split(line[1:]):
                last = _Cell(_without_attributes(part), is_header, (len(rows), len(row)))
                row.append(last)
        elif last is not None:
            last.value += f"\n{line}"
        elif not row and not rows and line:
            caption += f" {line}"
    if row:
        rows.append(row)
    for one in (cell for row in rows for cell in row):
        one.value = _flat(one.value)
    return caption, rows


def _without_attributes(cell: str) -> str:
    attributes, pipe, value = cell.partition("|")
    return value if pipe else attributes


def _rows(cells: list[list[_Cell]]) -> list[str]:
    headers: list[str] = []
    lines = []
    pending = ""
    shown: set[int] = set()
    for row in cells:
        # A cell that spans several rows is shown in each; one that spans columns only once.
        values = [
            "" if place and cell.key == row[place - 1].key else cell.value
            for place, cell in enumerate(row)
        ]
        if any(values) and all(cell.is_header or not cell.value for cell in row):
            lines += [pending] if pending else []
            headers = [cell.value for cell in row]
            pending, shown = "; ".join(value for value in values if value), set()
            continue
        parts = []
        for place, value in enumerate(values):
            if not value:
                continue
            header = headers[place] if place < len(headers) else ""
            parts.append(f"{header}: {value}" if header and header != value else value)
            shown.add(place)
        if parts:
            lines.append("; ".join(parts))
            # A header is shown with its cells; one that no cell shows gets a line of its own.
            if shown.issuperset(place for place, header in enumerate(headers) if header):
                pending = ""
    return [*lines, pending] if pending else lines


def _flat(cell: str) -> str:
    return " ".join(cell.replace("\n*", "; ").split())
