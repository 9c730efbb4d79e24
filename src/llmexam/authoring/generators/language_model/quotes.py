"""Quotes of a language model, found again in the passage that they are from."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from llmexam.evidence.sentences import split_sentences
from llmexam.exam.normal_forms import normal_form

# Share of characters that a quote and a sentence have in common, in order, to be the same one.
_ALIKE = 0.9
_MIN_CHARACTERS = 12
_WORD = re.compile(r"\w+")


def find_quote(quote: str, passage: str) -> tuple[str, bool] | None:
    """Return the text of the passage that a quote stands for, and whether the quote was exact.

    A quote that differs in case, white space, punctuation or a few characters stands for the
    text of the passage; the text of the passage is returned, so it is always word for word.

    Args:
        quote: What the model gave as a quote.
        passage: The passage.

    Returns:
        The text and whether the quote is in the passage as it stands, or None if nothing in the
        passage is like it.

    >>> find_quote("ice floats on Water", "Ice floats on water. It is light.")
    ('Ice floats on water', False)
    """
    quote = quote.strip().strip("\u2026").rstrip()
    if len(quote) < _MIN_CHARACTERS:
        return None
    if quote in passage:
        return quote, True
    return _same_words(quote, passage) or _alike_sentence(quote, passage)


def _same_words(quote: str, passage: str) -> tuple[str, bool] | None:
    wanted = [_folded(one[0]) for one in _WORD.finditer(quote)]
    there = list(_WORD.finditer(passage))
    words = [_folded(one[0]) for one in there]
    n = len(wanted)
    if n < 3:
        return None
    for start in range(len(words) - n + 1):
        if words[start : start + n] == wanted:
            return passage[there[start].start() : there[start + n - 1].end()], False
    return None


def _alike_sentence(quote: str, passage: str) -> tuple[str, bool] | None:
    folded = _folded(quote)
    best, text = 0.0, ""
    for start, end in split_sentences(passage):
        sentence = passage[start:end]
        share = SequenceMatcher(None, folded, _folded(sentence), autojunk=False).ratio()
        if share > best:
            best, text = share, sentence
    return (text, False) if best >= _ALIKE else None


def _folded(text: str) -> str:
    return normal_form(text).casefold()
