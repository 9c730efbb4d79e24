"""Rows of a CSV file, whatever separates its cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from llmexam.errors import ExamError
from llmexam.exam.parsers.csv_bytes import CsvBytes
from llmexam.exam.parsers.rows import Row, Rows
from llmexam.exam.parsers.source import MAX_FIELD_CHARACTERS, SourceFile

_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?[ \t]*\r?\n", re.IGNORECASE)
_N_ROWS_LOOKED_AT = 20
_MIN_CELLS = 4
_N_HEADER_CHARACTERS = 200_000


def read_csv(source: SourceFile) -> Rows:
    """Return the rows of a CSV file by the names in its header.

    The separator is that of a first line `sep=;`, else the one that splits the first rows most
    evenly. Original MMLU files have no header; theirs are named `question`, `choice0`, ...,
    `answer`. Blank rows are left out.

    Raises:
        ExamError: Two columns have the same name.
    """
    text = source.text
    given = _SEPARATOR_LINE.match(text)
    if given:
        text = text[given.end() :]
    separator = given[1] if given else _separator(text[:_N_HEADER_CHARACTERS])
    quoted = separator != "\t" or _is_quoted_properly(text, separator)
    rows = _rows(source, text, separator, quoted=quoted)
    first = [cells for cells, _ in zip(rows, range(_N_ROWS_LOOKED_AT), strict=False)]
    notes = [] if quoted else ["quotes were read as part of the texts"]
    if source.decoded.note:
        notes.append(source.decoded.note)
    n_options = _headerless(first)
    all_rows = _rows(source, text, separator, quoted=quoted)
    if n_options:
        header = ("question", *(f"choice{i}" for i in range(n_options)), "answer")
    else:
        header = _header(source, next(all_rows, []))
    rows_read = Rows("csv", header, _records(header, all_rows), notes=notes)
    if source.decoded.encoding.startswith("utf-8") and quoted and not source.has_lone_returns:
        before = (given[0] if given else "") + ("" if n_options else _to_header(text, separator))
        start = _mark(source.data) + len(before.encode())
        rows_read.csv = CsvBytes(source.data, start, header, separator)
    return rows_read


def _to_header(text: str, separator: str) -> str:
    """Return the start of a text up to the end of its header, with blank rows before it."""
    lines: list[str] = []

    def read_so_far() -> Iterator[str]:
        for line in _lines(text):
            lines.append(line)
            yield line

    for cells in csv.reader(read_so_far(), delimiter=separator):
        if any(cells):
            break
    return "".join(lines)


def _mark(data: bytes) -> int:
    """Return the length of the byte order mark."""
    return 3 if data.startswith(b"\xef\xbb\xbf") else 0


def _separator(text: str) -> str:
    """Return the separator that splits the first rows into most columns, evenly."""

    def evenness(separator: str) -> tuple[float, int, int]:
        sizes = [len(cells) for cells in _first_rows(text, separator)]
        if not sizes or sizes[0] < 2:
            return (0.0, 0, 0)
        return (
            round(sum(size == sizes[0] for size in sizes) / len(sizes), 1),
            sizes[0],
            -_SEPARATORS.index(separator),
        )

    return max(_SEPARATORS, key=evenness)


def _first_rows(text: str, separator: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if cells:
                found.append(cells)
            if len(found) > _N_ROWS_LOOKED_AT:
                break
    except csv.Error:
        pass
    # The last row may be cut off.
    return found[:-1] if len(found) > 1 and len(text) >= _N_HEADER_CHARACTERS else found


def _is_quoted_properly(text: str, separator: str) -> bool:
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error:
        return False
    return True


def _rows(source: SourceFile, text: str, separator: str, *, quoted: bool) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
    reader = csv.reader(
        io.StringIO(text, newline="") if source.has_lone_returns else _lines(text),
        delimiter=separator,
        strict=quoted,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    n_rows = 0
    try:
        for cells in reader:
            if cells and any(cells):
                yield cells
                n_rows += 1
    except csv.Error as error:
        raise source.error(
            f"invalid CSV near line {reader.line_num}: {error}",
            row=n_rows if n_rows else None,
            hint='Inside a quoted field, write double quotes twice ("")',
        ) from None


def _lines(text: str) -> Iterator[str]:
    # Unlike StringIO, this does not copy a large text.
    start = 0
    while True:
        end = text.find("\n", start) + 1
        if not end:
            break
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _headerless(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of options of a file without a header, as MMLU's are; else 0.

    Its rows have a question, the options and the letter of the answer.
    """
    if not rows or len(rows[0]) < _MIN_CELLS:
        return 0
    n_options = len(rows[0]) - 2
    letters = [chr(ord("A") + i) for i in range(n_options)]
    # A last cell "D" is also how the header "id,prompt,A,B,C,D" ends, hence the other cells.
    cells = [cell.strip().upper() for cell in rows[0][1:-1]]
    if sum(cell in letters for cell in cells) > 1 and (cells != letters or len(rows) < 2):
        return 0
    fitting = [len(row) == len(rows[0]) and row[-1].strip() in letters for row in rows]
    return n_options if sum(fitting) >= 0.9 * len(fitting) and fitting[0] else 0


def _header(source: SourceFile, cells: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for name in cells]
    # Spreadsheets export blank columns, and pandas its index, without a name.
    names = [name or f"column {i}" for i, name in enumerate(names, 1)]
    repeated = next((name for name, n in Counter(names).items() if n > 1), None)
    if repeated is not None:
        raise source.error(f"two columns have the name '{repeated}'", hint="Rename one of them")
    return tuple(names)


def _records(header: tuple[str, ...], rows: Iterator[list[str]]) -> Iterator[Row]:
    n_cells = len(header)
    for cells in rows:
        if len(cells) != n_cells:
            if len(cells) > n_cells and not any(cells[n_cells:]):
                del cells[n_cells:]
            else:
                yield ExamError(
                    f"expected {n_cells} cells as in the header, got {len(cells)}",
                    hint="Put texts that contain separators or line breaks in double quotes "
                    '("...")',
                )
                continue
        yield dict(zip(header, cells, strict=True))
