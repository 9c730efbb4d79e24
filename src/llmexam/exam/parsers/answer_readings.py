"""What a right answer of a file may mean: a letter, an index, a text of an option, or several."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from llmexam.exam.normal_forms import normal_form
from llmexam.exam.parsers.written_lists import parsed_list

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
_LISTED = re.compile(r"\s*(?:\[|(?:np\.)?array\()")
_OF_NUMBERS = re.compile(r"[/+]")
# A longer text names no list of letters.
_LONGEST = 200
_WHOLE = re.compile(r"-?\d{1,9}(?:\.0+)?")
_LETTERS = {letter: i for i, letter in enumerate(ascii_uppercase)}


class Readings(NamedTuple):
    """What one value may mean: the option by each way of reading, or None."""

    label: int | None = None
    letter: int | None = None
    number: int | None = None
    text: int | None = None


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


def is_nothing(raw: Any) -> bool:
    """Return whether there is no answer, so that it equals no option: null, NaN or blank."""
    if type(raw) is int:
        return False
    if isinstance(raw, str):
        return not raw or raw.isspace()
    if isinstance(raw, float):
        return math.isnan(raw)
    return raw is None or (isinstance(raw, list | tuple | dict) and not raw)


def is_minus_one(raw: Any) -> bool:
    """Return whether an answer is -1, which stands for no answer beside indices and letters."""
    if isinstance(raw, str):
        return raw.strip() in ("-1", "-1.0")
    return bool(raw == -1)


def single(raw: Any) -> Any:
    """Return the value in a list or object of one, such as `{"q": "B"}`."""
    while isinstance(raw, list | tuple | dict) and len(raw) == 1:
        raw = next(iter(raw.values())) if isinstance(raw, dict) else raw[0]
    return raw


def answer_of(item: Item) -> Any:
    """Return an answer: the value in a list of one, and the list that a text holds.

    A text that is an option is no list.
    """
    raw = single(item.raw)
    if isinstance(raw, str) and _LISTED.match(raw):
        bare = without_spaces(raw)
        listed = parsed_list(raw)
        if isinstance(listed, list) and all(without_spaces(one) != bare for one in item.options):
            return single(listed)
    return raw


def parts_of(item: Item) -> list[Any]:
    """Return the answers in a list or in a text such as "A, C" or "AC"."""
    raw = item.raw if type(item.raw) is int else answer_of(item)
    if isinstance(raw, str):
        text = raw.strip()
        bare = without_spaces(text)
        if any(without_spaces(option) == bare for option in item.options):
            return [raw]
        parts = [part for part in _SEVERAL.split(text) if part] if len(text) < _LONGEST else []
        bare_parts = [part.strip("()[]. ") for part in parts]
        if (
            len(parts) > 1
            and all(len(part) <= 2 for part in bare_parts)
            # "1/2" and "1+2" are numbers.
            and (not _OF_NUMBERS.search(text) or all(map(str.isalpha, bare_parts)))
        ):
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


def readings_of(raw: Any, item: Item) -> Readings:
    """Return what one value may mean as the answer of a question."""
    if isinstance(raw, bool):
        return Readings(text=_place_of("true" if raw else "false", item.options))
    if isinstance(raw, float):
        if not raw.is_integer():
            return Readings(text=_place_of(str(raw), item.options))
        raw = int(raw)
    if isinstance(raw, int):
        label = None
        if item.labels:
            label = item.labels.index(str(raw)) if str(raw) in item.labels else None
            if label is None and _are_numbers(item.labels):
                return Readings()
        number = None if raw == -1 else raw
        return Readings(label=label, number=number, text=_place_of_number(str(raw), item.options))
    if not isinstance(raw, str):
        return Readings()
    return _text_readings(raw.strip(), item)


def _are_numbers(labels: Sequence[str]) -> bool:
    """Return whether options are called by numbers, so that another number names none of them."""
    return bool(labels) and all(map(str.isdecimal, labels))


def _text_readings(text: str, item: Item) -> Readings:
    if text in item.labels:
        return Readings(label=item.labels.index(text))
    if len(text) <= 12 and not text.isascii():
        text = normal_form(text)
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
        if _are_numbers(item.labels):
            label = str(number) if str(number) in item.labels else None
            return Readings(label=None if label is None else item.labels.index(label))
        if found is None:
            found = _place_of_number(text, item.options)
        return Readings(number=None if number == -1 else number, text=found)
    return Readings(letter=_letter_with_text(text, item.options), text=found)


def _letter_with_text(text: str, options: Sequence[str]) -> int | None:
    """Return the option of an answer such as "B) Rome"."""
    both = _WITH_TEXT.fullmatch(text)
    place = _LETTERS.get(both[1].upper(), len(options)) if both else len(options)
    if both is None or place >= len(options):
        return None
    return place if plain(options[place]) in (plain(both[2]), plain(text)) else None


def _place_of(text: str, options: Sequence[str]) -> int | None:
    """Return the only option that equals a text.

    Texts are compared exactly, then without case and repeated spaces, then without any spaces.
    """
    if options.count(text) == 1:
        return options.index(text)
    bare = without_spaces(text)
    # Most options begin with another character, which is quick to tell.
    first = bare[:1]
    near = [i for i, one in enumerate(options) if one.lstrip()[:1].casefold()[:1] == first]
    for form in (plain, without_spaces) if near else ():
        own = form(text)
        places = [i for i in near if form(options[i]) == own]
        if places:
            return places[0] if len(places) == 1 else None
    return None


def _place_of_number(text: str, options: Sequence[str]) -> int | None:
    """Return the only option that is a whole number, written with or without ".0"."""
    # Most options have no such digit, which is quick to tell.
    if text[0] not in "".join(options):
        return None
    found = _place_of(text, options)
    # pandas writes "3" as "3.0" in a column in which a value is missing.
    return _place_of(other_numeral(text), options) if found is None else found


def other_numeral(text: str) -> str:
    """Return a whole number without ".0", or with it if it has none."""
    whole, point, _ = text.partition(".")
    return whole if point else f"{text}.0"


def plain(text: str) -> str:
    """Return a text without case, repeated spaces, and spaces at its ends."""
    return " ".join(text.split()).casefold()


def without_spaces(text: str) -> str:
    """Return a text without case and spaces."""
    return "".join(text.split()).casefold()
