"""Tables of wikitext as rows of text.

Cells are found in time linear in the table; wikitextparser needs time quadratic in their number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TABLE_EDGE = re.compile(r"^[ \t:*#]*(\{\|)|^[ \t]*(\|\})(?!\})", re.MULTILINE)
_EDGES = re.compile(r"\{\||\|\}")
_LARGEST_SPAN = 99
_DEEPEST = 8
_SPAN = re.compile(r"(row|col)span\s*=\s*[\"']?\s*(\d{1,9})", re.IGNORECASE)
_HEADERS = re.compile(r"\|\||!!")
_VALUES = re.compile(r"\|\|")


def replace_tables(text: str, depth: int = 0) -> str:
    """Return a wikitext with its tables as one line per row; a table within a cell is one line.

    Cells are written as `header: cell` and joined by `; `.

    Args:
        text: Wikitext with its templates and links replaced.
        depth: Number of tables that contain the text. From 8, tables are text.
    """
    if "{|" not in text:
        return text
    if depth >= _DEEPEST:
        return _EDGES.sub(" ", text)
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
                parts.append(table_rows(text[position : match.end(2)], depth))
                position = match.end(2)
    if opened:
        # Never closed: MediaWiki closes it at the end of the page.
        parts.append(table_rows(text[position:] + "\n|}", depth))
        position = len(text)
    parts.append(text[position:])
    return "".join(parts)


def table_rows(table: str, depth: int = 0) -> str:
    """Return the rows of one table as lines, its caption first."""
    inner = table[2:-2]
    if "{|" in inner:
        inner = replace_tables(inner, depth + 1)
        inner = re.sub(r"\n(?![|!])", " ", inner)
    caption, cells = _cells(inner)
    lines = _rows(cells)
    if caption.strip():
        lines.insert(0, _flat(caption))
    return "\n\n" + "\n".join(lines) + "\n\n"


@dataclass(slots=True, eq=False)
class _Cell:
    """A cell; the same object stands in all places that it spans."""

    value: str
    is_header: bool
    n_columns: int = 1
    n_rows: int = 1


def _cells(inner: str) -> tuple[str, list[list[_Cell]]]:
    """Return the caption of a table, and its cells in all places that they span."""
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
                last = _cell(part, is_header)
                row.append(last)
        elif last is not None:
            last.value += f"\n{line}"
        elif not row and not rows and line:
            caption += f" {line}"
    if row:
        rows.append(row)
    for one in (cell for row in rows for cell in row):
        one.value = _flat(one.value)
    return caption, _placed(rows)


def _cell(text: str, is_header: bool) -> _Cell:
    attributes, pipe, value = text.partition("|")
    if not pipe:
        return _Cell(text, is_header)
    spans = {name.lower(): min(int(n), _LARGEST_SPAN) or 1 for name, n in _SPAN.findall(attributes)}
    return _Cell(value, is_header, spans.get("col", 1), spans.get("row", 1))


def _placed(rows: list[list[_Cell]]) -> list[list[_Cell]]:
    """Return rows in which each cell stands in all places that it spans."""
    placed: list[list[_Cell]] = []
    # By column: a cell that reaches into later rows, and how many of them.
    reaching: dict[int, tuple[_Cell, int]] = {}
    for row in rows:
        made: list[_Cell] = []
        waiting = list(reversed(row))
        while waiting or len(made) in reaching:
            if len(made) in reaching:
                cell, n_left = reaching.pop(len(made))
                if n_left > 1:
                    reaching[len(made)] = (cell, n_left - 1)
                made.append(cell)
                continue
            cell = waiting.pop()
            for _ in range(cell.n_columns):
                if cell.n_rows > 1:
                    reaching[len(made)] = (cell, cell.n_rows - 1)
                made.append(cell)
        placed.append(made)
    return placed


def _rows(cells: list[list[_Cell]]) -> list[str]:
    headers: list[str] = []
    lines = []
    pending = ""
    shown: set[int] = set()
    for row in cells:
        # A cell that spans several rows is shown in each; one that spans columns only once.
        values = [
            "" if place and cell is row[place - 1] else cell.value for place, cell in enumerate(row)
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
