"""Text normalisation for comparison: case, punctuation and spacing are ignored."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the words of a text: NFKC, case folded, runs of letters, digits and underscores.

    >>> words_of("Is it H₂O, or not?")
    ['is', 'it', 'h2o', 'or', 'not']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def normalise(text: str) -> str:
    """Return the words of a text joined by spaces; without words, the text with single spaces.

    >>> normalise("  What is  LIGHT? ") == normalise("what is light")
    True
    >>> normalise("+") == normalise("-")
    False
    """
    return " ".join(words_of(text)) or " ".join(unicodedata.normalize("NFKC", text).split())
