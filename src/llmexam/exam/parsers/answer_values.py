"""Right answers: letters, indices from 0 or 1, texts of options, and several of them.

How a column is meant is inferred from the whole file, never from one row.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, NamedTuple

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers.option_values import parsed_list

_UNKNOWN = frozenset(
    {"", "?", "-1", "-1.0", "nan", "null", "none", "n/a", "na", "<na>", "-", "unknown"}
)
_MARKED = re.compile(r"[(\[{<*\s]*([A-Za-z])[)\]}>*.:\u3001\uff0e,;\s]*")
_NAMED = re.compile(
    r"(?:the )?(?:correct )?(?:answer|option|choice|ending|solution|sol|op)(?: is)?"
    r"[ _:]?[(\[]?([A-Za-z]|\d{1,2})[)\].]*",
    re.IGNORECASE,
)
_WITH_TEXT = re.compile(r"[(\[]?([A-Za-z])\s?[)\].:\u3001\uff0e]\s*(.+)", re.DOTALL)
_SEVERAL = re.compile(r"\s*(?:[,;|/&+\u3001\uff0c]|\band\b)\s*", re.IGNORECASE)
# A longer text names no list of letters.
_LONGEST = 200
_WHOLE = re.compile(r"-?\d{1,9}(?:\.0+)?")
# With fewer, a wrong answer is likelier than another way to count than the documented one.
_MIN_ANSWERS = 3
_LETTERS = {letter: i for i, letter in enumerate(ascii_uppercase)}


class Readings(NamedTuple):
    """What one value may mean: the option by each way of reading, or None."""

    label: int | None = None
    letter: int | None = None
    number: int | None = None
    text: int | None = None


@dataclass
class Column:
    """How the answers of a file are to be read.

    Attributes:
        base: Number of the first option, if answers are indices.
        prefers_text: Whether the text of an option is meant where a letter would do as well.
        prefers_numbers: Whether an index is meant where a text would do as well.
        notes: What the user should know about the inference.
    """

    base: int = 0
    prefers_text: bool = False
    prefers_numbers: bool = True
    notes: list[str] = field(default_factory=list)


class Item(NamedTuple):
    """An answer as the file has it, with the options of its question."""

    raw: Any
    options: tuple[str, ...]
    labels: tuple[str, ...]


def is_unknown(raw: Any) -> bool:
    """Return whether an answer is not known: null, NaN, -1, blank, or an empty list."""
    if raw is None or raw == -1:
        return True
    if isinstance(raw, float):
        return math.isnan(raw)
    if isinstance(raw, str):
        return raw.strip().casefold() in _UNKNOWN
    return isinstance(raw, list | tuple | dict) and not raw


def infer(items: Sequence[Item], *, n_letters: int, base: int | None, style: str | None) -> Column:
    """Return how the answers of a file are to be read.

    Args:
        items: The answers that are not known to be letters.
        n_letters: Number of the other answers, which are letters.
        base: Number of the first option by the documentation of the format, if there is one.
        style: What the user says that answers are.

    Raises:
        ExamError: Indices may count from 0 or from 1.
    """
    if style == "text":
        return Column(prefers_text=True, prefers_numbers=False)
    counts, numbers = _count(items)
    sure_letters = n_letters + counts["letter"]
    column = Column(prefers_text=counts["text"] > sure_letters)
    if style is not None:
        column.base = int(style)
        return column
    if not numbers:
        return column
    # Whether numbers are indices or texts of options that are numbers.
    column.prefers_numbers = counts["number"] > counts["text"] or (
        counts["number"] == counts["text"] and (counts["typed"] > 0 or base is not None)
    )
    if counts["either"] and not column.prefers_numbers:
        if counts["text"] == counts["number"] == 0:
            column.notes.append(
                "the answers are numbers and equal texts of options, and were read as such: if "
                "they are indices, give --answer-base 0 or 1"
            )
        return column
    column.base = _infer_base(numbers, base, column.notes)
    return column


def _count(items: Sequence[Item]) -> tuple[Counter[str], list[tuple[int, int]]]:
    """Return how often answers can be read in one way only, and numbers with option counts."""
    counts: Counter[str] = Counter()
    numbers = []
    for item in items:
        for raw in _parts(item):
            found = _readings(raw, item)
            if found.label is not None:
                continue
            if found.number is not None:
                counts["number" if found.text is None else "either"] += 1
                counts["typed"] += found.text is not None and not isinstance(raw, str)
                numbers.append((found.number, len(item.options)))
            elif found.text is not None and found.letter is None:
                counts["text"] += 1
            elif found.letter is not None and found.text is None:
                counts["letter"] += 1
    return counts, numbers


def _infer_base(numbers: Sequence[tuple[int, int]], base: int | None, notes: list[str]) -> int:
    outside = [sum(not first <= number < n + first for number, n in numbers) for first in (0, 1)]
    low, high = min(number for number, _ in numbers), max(number for number, _ in numbers)
    if outside[0] == outside[1]:
        if outside[0] == 0:
            if base is None:
                raise ExamError(
                    f"the answers, {low} to {high}, may count the options from 0 or from 1: none "
                    "is 0, and none is the number of options",
                    field="answer",
                    hint="Give --answer-base 0 or --answer-base 1",
                )
            notes.append(
                f"the answers are indices, {low} to {high}, and were counted from {base} as in "
                f"the documentation of this format: if they count from {1 - base}, give "
                f"--answer-base {1 - base}"
            )
        return base or 0
    found = 0 if outside[0] < outside[1] else 1
    if base is not None and low != 0 and len(numbers) < _MIN_ANSWERS:
        return base
    if base != found:
        notes.append(
            f"the answers are indices that count from {found}, which was inferred from the whole "
            f"file ({low} to {high})"
        )
    return found


def right_options(item: Item, column: Column, name: str) -> tuple[int, ...]:
    """Return the indices of the right options; empty if the answer is not known.

    Raises:
        ExamError: The answer is none of the options.
    """
    raw = _single(item.raw)
    whole = _choose(_readings(raw, item), column, len(item.options))
    if whole is not None:
        return (whole,)
    if is_unknown(raw):
        return ()
    parts = [one for one in _parts(item) if not is_unknown(one)]
    if len(parts) > 1 or isinstance(raw, list | tuple):
        places = [_choose(_readings(one, item), column, len(item.options)) for one in parts]
        if all(place is not None for place in places):
            return tuple(sorted({place for place in places if place is not None}))
        if isinstance(raw, list | tuple):
            raw = next(one for one, place in zip(parts, places, strict=True) if place is None)
    raise _not_an_option(raw, item, column, name)


def _single(raw: Any) -> Any:
    """Return the value in a list or object of one, such as `{"q": "B"}`."""
    while isinstance(raw, list | tuple | dict) and len(raw) == 1:
        raw = next(iter(raw.values())) if isinstance(raw, dict) else raw[0]
    return raw


def _parts(item: Item) -> list[Any]:
    """Return the answers in a list or in a text such as "A, C" or "AC"."""
    raw = _single(item.raw)
    if isinstance(raw, str):
        if raw.lstrip()[:1] in ("[", "{"):
            listed = parsed_list(raw)
            if isinstance(listed, list) and listed:
                return listed
        text = raw.strip()
        if text.casefold() in {option.strip().casefold() for option in item.options}:
            return [raw]
        parts = [part for part in _SEVERAL.split(text) if part] if len(text) < _LONGEST else []
        if len(parts) > 1 and all(len(part.strip("()[]. ")) <= 2 for part in parts):
            return list(parts)
        places = [_LETTERS.get(letter, 99) for letter in text]
        if (
            1 < len(places) <= len(item.options)
            and max(places) < len(item.options)
            and places == sorted(set(places))
        ):
            return list(text)
        return [raw]
    if isinstance(raw, list | tuple):
        return list(raw)
    return [raw]


def _readings(raw: Any, item: Item) -> Readings:
    if isinstance(raw, bool):
        return Readings(text=_place_of("true" if raw else "false", item.options))
    if isinstance(raw, float):
        if not raw.is_integer():
            return Readings(text=_place_of(str(raw), item.options))
        raw = int(raw)
    if isinstance(raw, int):
        label = item.labels.index(str(raw)) if str(raw) in item.labels else None
        number = None if raw == -1 else raw
        return Readings(label=label, number=number, text=_place_of(str(raw), item.options))
    if not isinstance(raw, str):
        return Readings()
    return _text_readings(raw.strip(), item)


def _text_readings(text: str, item: Item) -> Readings:
    if text in item.labels:
        return Readings(label=item.labels.index(text))
    if len(text) <= 12 and not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found = _place_of(text, item.options)
    marked = _MARKED.fullmatch(text) or (_NAMED.fullmatch(text) if len(text) < 40 else None)
    if marked:
        face = marked[1].upper()
        label = next((one for one in (face, face.lower()) if one in item.labels), None)
        if label is not None:
            return Readings(label=item.labels.index(label))
        if face.isdecimal():
            return Readings(number=int(face), text=found)
        # Where the file has letters of its own, another letter names no option.
        is_foreign = bool(item.labels) and all(map(str.isalpha, item.labels))
        place = len(item.options) if is_foreign else _LETTERS[face]
        return Readings(letter=place if place < len(item.options) else None, text=found)
    if _WHOLE.fullmatch(text):
        # -1 means that the answer is not known, unless it is an option.
        number = int(float(text))
        return Readings(number=None if number == -1 else number, text=found)
    return Readings(letter=_letter_with_text(text, item.options), text=found)


def _letter_with_text(text: str, options: Sequence[str]) -> int | None:
    """Return the option of an answer such as "B) Rome"."""
    both = _WITH_TEXT.fullmatch(text)
    place = _LETTERS.get(both[1].upper(), len(options)) if both else len(options)
    if both is None or place >= len(options):
        return None
    return place if _plain(options[place]) in (_plain(both[2]), _plain(text)) else None


def _choose(found: Readings, column: Column, n_options: int) -> int | None:
    if found.label is not None:
        return found.label
    if found.number is not None:
        place = found.number - column.base
        number = place if 0 <= place < n_options else None
        if found.text is not None and not (column.prefers_numbers and number is not None):
            return found.text
        return number
    if found.letter is not None and not (column.prefers_text and found.text is not None):
        return found.letter
    return found.text


def _place_of(text: str, options: Sequence[str]) -> int | None:
    """Return the only option that equals a text, first exactly, then without case and spaces."""
    if options.count(text) == 1:
        return options.index(text)
    plain = _plain(text)
    places = [i for i, option in enumerate(options) if _plain(option) == plain]
    return places[0] if len(places) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _not_an_option(raw: Any, item: Item, column: Column, name: str) -> ExamError:
    n_options = len(item.options)
    found = _readings(raw, item)
    if item.labels:
        message = f"expected as answer one of the labels {', '.join(item.labels)}, got '{raw}'"
        return ExamError(message, field=name)
    if found.number is not None:
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
        message = f"expected an answer of A-{letter_of(n_options - 1)}, got '{shown}'"
    n_equal = sum(_plain(option) == _plain(str(raw)) for option in item.options)
    if n_equal > 1:
        return ExamError(
            f"the answer '{shown}' is the text of {n_equal} options",
            field=name,
            hint="Give its letter, or remove the repeated option",
        )
    return ExamError(message, field=name, hint=f"This row has {n_options} options")
