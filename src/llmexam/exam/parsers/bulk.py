"""Fast reading of large CSV files, whose columns pyarrow parses.

A file is read so only if nothing in it needs a closer look: well-formed quoting, one answer letter
or index per row, no labels in options, and no answer that is also the text of an option. All other
files are read row by row, with the same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from llmexam.errors import ExamError
from llmexam.exam.letters import MIN_OPTIONS
from llmexam.exam.normal_forms import normal_form
from llmexam.exam.parsers.answer_columns import infer
from llmexam.exam.parsers.answer_readings import (
    Item,
    is_nothing,
    is_unknown,
    other_numeral,
    readings_of,
    without_spaces,
)
from llmexam.exam.parsers.answer_values import right_options
from llmexam.exam.parsers.csv_bytes import CsvBytes
from llmexam.exam.parsers.shape import Layout
from llmexam.exam.question import Passage, Question

if TYPE_CHECKING:
    import pyarrow as pa

MIN_BYTES = 1_000_000
"""Smaller files are read row by row."""

_MOST_ANSWERS = 100
_LABELLED = r"^\s*[(\[]?[Aa01]\s?[)\].:\x{3001}\x{ff0e}\x{ff1a}\x{ff09}]"
_NO_METADATA: dict[str, str] = {}


def read_bulk(
    rows: CsvBytes, layout: Layout, style: str | None
) -> tuple[tuple[tuple[int, Question], ...], list[str]] | None:
    """Return the questions of a CSV file and notes, or None if it must be read row by row.

    Args:
        rows: The file.
        layout: How its records are read.
        style: What the user says that answers are.
    """
    names = layout.source.columns
    if layout.source.read is None or layout.source.hides_right:
        return None
    if layout.passages or layout.other_answers:
        return None
    if len(layout.prompt) != 1 or len(names) < 2 or not set(names) <= set(rows.header):
        return None
    table = rows.table()
    if table is None or not table.num_rows or _needs_a_look(table, layout):
        return None
    n_rows = table.num_rows
    found = _answers(table, layout, style)
    if found is None:
        return None
    places, notes = found
    columns = {name: table[name].to_numpy().tolist() for name in rows.header}
    options = _options([columns.pop(name) for name in names], _has_blanks(table[names[-1]]))
    fewest = min(map(len, options))
    answers: Iterator[int | None] | list[int | None] = repeat(None)
    if layout.answer is not None:
        answers = list(map(places.get, columns.pop(layout.answer)))
        last = max((place for place in places.values() if place is not None), default=0)
        has_blanks = any(_has_blanks(table[name]) for name in names)
        if (last >= fewest or has_blanks) and not _are_plain(answers, options):
            return None
    ids: list[str] = columns.pop(layout.id) if layout.id else list(map(str, range(n_rows)))
    if fewest < MIN_OPTIONS or len(set(ids)) < n_rows:
        return None
    no_passages: tuple[Passage, ...] = ()
    questions = map(
        Question,
        ids,
        columns.pop(layout.prompt[0]),
        options,
        answers,
        repeat(no_passages),
        _metadata(columns, n_rows),
    )
    return tuple(enumerate(questions, 1)), notes


def _needs_a_look(table: pa.Table, layout: Layout) -> bool:
    """Return whether options have labels, or a row has a blank id, as blank rows have."""
    import pyarrow.compute as pc

    first = table[layout.source.columns[0]]
    if pc.any(pc.match_substring_regex(first, _LABELLED)).as_py():
        return True
    # "A cat" alone is no label; "A x", "B y" may be.
    spaced = pc.and_(
        pc.match_substring_regex(first, r"^\s*A\s"),
        pc.match_substring_regex(table[layout.source.columns[1]], r"^\s*B\s"),
    )
    if pc.any(spaced).as_py():
        return True
    name = layout.id or layout.prompt[0]
    return _has_blanks(table[name])


def _has_blanks(column: pa.ChunkedArray) -> bool:
    """Return whether a cell of a column is blank."""
    import pyarrow.compute as pc

    return bool(pc.min(pc.binary_length(pc.utf8_trim_whitespace(column))).as_py() == 0)


def _options(columns: Sequence[Sequence[str]], has_blanks: bool) -> list[tuple[str, ...]]:
    """Return the options of each row; blank ones at the end are none."""
    options = list(zip(*columns, strict=True))
    return [_without_blank_end(one) for one in options] if has_blanks else options


def _without_blank_end(options: tuple[str, ...]) -> tuple[str, ...]:
    n = len(options)
    while n and not options[n - 1].strip():
        n -= 1
    return options[:n]


def _are_plain(answers: Sequence[int | None], options: Sequence[tuple[str, ...]]) -> bool:
    """Return whether all answers are options that are not blank."""
    return all(
        place is None or (place < len(one) and bool(one[place].strip()))
        for place, one in zip(answers, options, strict=True)
    )


def _answers(
    table: pa.Table, layout: Layout, style: str | None
) -> tuple[dict[str, int], list[str]] | None:
    """Return the option by answer and notes, or None if the answers need a closer look."""
    import pyarrow.compute as pc

    if layout.answer is None:
        return {}, []
    kinds = pc.unique(table[layout.answer]).to_pylist()
    if style == "text" or len(kinds) > _MOST_ANSWERS:
        return None
    known = [kind for kind in kinds if not is_unknown(kind)]
    # An answer that is a text of an option could be meant so, also one such as "None".
    given = [kind for kind in kinds if not is_nothing(kind)]
    given += [other_numeral(kind.strip()) for kind in given]
    if any(_has_text(table[name], given) for name in layout.source.columns):
        return None
    widest = tuple(f"\0{i}" for i in range(len(layout.source.columns)))
    items = {kind: Item(kind, widest, ()) for kind in known}
    is_number = {readings_of(kind, item).number is not None for kind, item in items.items()}
    if style is None and len(is_number) > 1:
        # Which of them are mistakes depends on how many there are.
        return None
    try:
        column = infer(list(items.values()), n_letters=0, base=layout.shape.base, style=style)
        found = {kind: right_options(item, column, "") for kind, item in items.items()}
    except ExamError:
        return None
    if any(len(places) != 1 for places in found.values()):
        return None
    return {kind: places[0] for kind, places in found.items()}, list(column.notes)


def _has_text(column: pa.ChunkedArray, given: Sequence[str]) -> bool:
    """Return whether a cell of a column is one of some texts, without case and spaces."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = [without_spaces(normal_form(one)) for one in given]
    # Few cells are as short as an answer, unless they have spaces at the ends.
    column = pc.utf8_trim_whitespace(column)
    longest = 4 * max(map(len, bare), default=0) + 4
    short = column.filter(pc.less_equal(pc.utf8_length(column), longest))
    if not len(short):
        return False
    cells = pc.utf8_lower(pc.replace_substring_regex(short, r"\s+", ""))
    return bool(pc.any(pc.is_in(cells, value_set=pa.array(bare, pa.string()))).as_py())


def _metadata(columns: dict[str, list[str]], n_rows: int) -> Iterator[dict[str, str]]:
    if not columns:
        return repeat(_NO_METADATA, n_rows)
    return map(dict, map(zip, repeat(tuple(columns)), zip(*columns.values(), strict=True)))
