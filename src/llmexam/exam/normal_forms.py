"""Unicode normalisation in linear time, also for damaged and hostile texts.

Normalisation sorts the marks after a letter, which takes quadratic time in their number. Unicode's
stream-safe text format allows 30 marks in a row, which no language exceeds.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise
from typing import Literal

_MOST_MARKS = 30
# All characters that combine with the one before are in this range.
_FIRST, _LAST = 0x300, 0x1FFFF


def normal_form(text: str, form: Literal["NFC", "NFKC", "NFKD"] = "NFKC") -> str:
    r"""Return a text in a normalisation form of Unicode; runs of over 30 marks in parts of 30.

    >>> normal_form("Go\u0308del \u2460"), len(normal_form("a" + "\u0301\u0316" * 100_000))
    ('Gödel 1', 200000)
    """
    if text.isascii():
        return text
    if len(text) <= _MOST_MARKS:
        return unicodedata.normalize(form, text)
    coarse, exact = _long_runs()
    if coarse.search(text) is None:
        return unicodedata.normalize(form, text)
    ends = [found.end() for found in exact.finditer(text)]
    return "".join(
        unicodedata.normalize(form, text[start:end])
        for start, end in pairwise([0, *ends, len(text)])
    )


@cache
def _long_runs() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return a coarse, fast pattern and an exact one for as many marks as may stand together."""
    # Some characters are no marks, but decompose into them, such as half-width voiced sound marks.
    marks = [
        character
        for character in map(chr, range(_FIRST, _LAST + 1))
        if unicodedata.combining(unicodedata.normalize("NFKD", character)[0])
    ]
    # Patterns are slow with many characters beyond the basic plane.
    basic = "".join(character for character in marks if character < "\U00010000")
    return _run(f"{basic}\U00010000-{marks[-1]}"), _run("".join(marks))


def _run(characters: str) -> re.Pattern[str]:
    # The first stands alone, because then other characters are skipped fast.
    return re.compile(f"[{characters}][{characters}]{{{_MOST_MARKS - 1}}}(?=[{characters}])")
