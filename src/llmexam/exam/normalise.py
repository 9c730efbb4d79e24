"""Text normalisation for comparison: case, punctuation and spacing are ignored."""

from __future__ import annotations

import re
import unicodedata

from llmexam.exam.normal_forms import normal_form

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the words of a text: NFKC, case folded, runs of letters, digits and underscores.

    Marks that combine with a letter, such as vowel signs of Indic scripts, are part of the word.

    >>> words_of("Is it H₂O, or not?"), len(words_of("कविता लिखें"))
    (['is', 'it', 'h2o', 'or', 'not'], 2)
    """
    folded = normal_form(text).casefold()
    if folded.isascii():
        return _WORD.findall(folded)
    marks = sorted(c for c in set(folded) if unicodedata.category(c) in ("Mn", "Mc"))
    if not marks:
        return _WORD.findall(folded)
    return re.findall(rf"[\w{''.join(marks)}]+", folded)


def normalise(text: str) -> str:
    """Return the words of a text joined by spaces; without words, the text with single spaces.

    >>> normalise("  What is  LIGHT? ") == normalise("what is light")
    True
    >>> normalise("+") == normalise("-")
    False
    """
    return " ".join(words_of(text)) or " ".join(normal_form(text).split())
