"""Right options of a question, once it is known how the answers of the file are meant."""

from __future__ import annotations

from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers.answer_columns import Column, Numbers
from llmexam.exam.parsers.answer_readings import (
    Item,
    Readings,
    answer_of,
    is_minus_one,
    is_nothing,
    is_unknown,
    parts_of,
    plain,
    readings_of,
)


def right_options(item: Item, column: Column, name: str) -> tuple[int, ...]:
    """Return the indices of the right options; empty if the answer is not known.

    Raises:
        ExamError: The answer is none of the options.
    """
    if column.ignores_numbers and all(map(str.isdecimal, item.labels)):
        item = item._replace(labels=())
    raw = item.raw if type(item.raw) is int else answer_of(item)
    if is_nothing(raw) or (is_minus_one(raw) and _is_no_option(column)):
        return ()
    whole = _choose(readings_of(raw, item), column, len(item.options))
    if whole is not None:
        return (whole,)
    if is_unknown(raw):
        return ()
    parts = [one for one in parts_of(item) if not is_unknown(one)]
    if len(parts) > 1 or isinstance(raw, list | tuple):
        places = [_choose(readings_of(one, item), column, len(item.options)) for one in parts]
        if all(place is not None for place in places):
            return tuple(sorted({place for place in places if place is not None}))
        if isinstance(raw, list | tuple):
            raw = next(one for one, place in zip(parts, places, strict=True) if place is None)
    raise _not_an_option(raw, item, column, name)


def _is_no_option(column: Column) -> bool:
    """Return whether -1 means that the answer is not known, even where it equals an option."""
    return column.numbers is Numbers.INDEX or column.is_of_letters


def _choose(found: Readings, column: Column, n_options: int) -> int | None:
    if found.label is not None:
        return found.label
    if found.number is not None:
        if column.numbers is Numbers.INDEX:
            place = found.number - column.base
            return place if 0 <= place < n_options else None
        return found.text if column.numbers is Numbers.TEXT else None
    if found.letter is not None and not (column.prefers_text and found.text is not None):
        return found.letter
    return found.text


def _not_an_option(raw: Any, item: Item, column: Column, name: str) -> ExamError:
    n_options = len(item.options)
    found = readings_of(raw, item)
    if item.labels:
        message = f"expected as answer one of the labels {', '.join(item.labels)}, got '{raw}'"
        hint = (
            "If it is an index, give --answer-base 0"
            if all(map(str.isdecimal, item.labels))
            else None
        )
        return ExamError(message, field=name, hint=hint)
    if found.number is not None and column.numbers is Numbers.INDEX:
        first, last = column.base, n_options - 1 + column.base
        return ExamError(
            f"expected an answer index from {first} to {last}, got {found.number}",
            field=name,
            hint=f"Indices count from {column.base}; if not, give --answer-base {1 - column.base}",
        )
    shown = str(raw)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    if isinstance(raw, bool):
        message = f"expected a letter, an index or text, got {'true' if raw else 'false'}"
    else:
        last_letter = letter_of(n_options - 1)
        message = f"expected the text of an option or a letter of A-{last_letter}, got '{shown}'"
    n_equal = sum(plain(option) == plain(str(raw)) for option in item.options)
    if n_equal > 1:
        return ExamError(
            f"the answer '{shown}' is the text of {n_equal} options",
            field=name,
            hint="Give its letter, or remove the repeated option",
        )
    if found.number is not None:
        why = "may be an index or a text" if found.text is not None else "is no text of an option"
        return ExamError(
            f"{message}, which {why}; most answers of the file are no indices",
            field=name,
            hint="If numbers are indices, give --answer-base 0 or 1",
        )
    return ExamError(message, field=name, hint=f"This row has {n_options} options")
