"""Find abbreviations in brackets after the words that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.words import FUNCTION_WORDS

_BRACKETED = re.compile(r" \( ?(?P<short>[A-Z][A-Za-z]{0,6}[A-Z])(?P<plural>s?) ?\)")
# The words stand before: they are looked for only where an abbreviation is found.
_BEFORE = re.compile(r"[A-Za-z][A-Za-z’'-]*(?: [A-Za-z][A-Za-z’'-]*){0,7}$")  # noqa: RUF001
_LONGEST_BEFORE = 120
_SMALL = frozenset(["of", "and", "the", "for", "in", "to", "on", "a"])
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """An abbreviation and the words that it stands for.

    Attributes:
        short: The abbreviation, in the singular.
        words: The words, in lower case unless they are names.
        start: Where the words start in the text.
        end: Where the bracket ends.
    """

    short: str
    words: tuple[str, ...]
    start: int
    end: int


def find_abbreviations(text: str) -> Iterator[Abbreviation]:
    """Yield the abbreviations whose letters are the initials of the words before them."""
    for match in _BRACKETED.finditer(text):
        before = _BEFORE.search(text[max(match.start() - _LONGEST_BEFORE, 0) : match.start()])
        if before is None:
            continue
        words = before[0].split(" ")
        letters = match["short"].lower()
        for first in range(len(words) - 1):
            own = words[first:]
            big = [word for word in own if word.lower() not in _SMALL]
            if own[0].lower() in FUNCTION_WORDS or not 2 <= len(big) <= _MOST_WORDS:
                continue
            parts = [part for word in big for part in word.split("-") if part]
            if letters not in (_initials(parts), _initials(big)):
                continue
            offset = match.start() - len(" ".join(own))
            yield Abbreviation(match["short"], tuple(own), offset, match.end())
            break


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words).lower()


def word_key(word: str, *, is_last: bool) -> tuple[str, bool, str]:
    """Return what two words must have in common to be exchanged: initial, place, ending."""
    ending = next((one for one in _ENDINGS if word.endswith(one)), "")
    return word[0].lower(), is_last, ending


_ENDINGS = ("tion", "ing", "ed", "ic", "al", "ive", "ous", "ase", "ent", "s")


def initials_of(expansions: Sequence[Sequence[str]]) -> dict[tuple[str, bool, str], list[str]]:
    """Return the words of expansions by `word_key`, in alphabetical order."""
    found: dict[tuple[str, bool, str], set[str]] = {}
    for words in expansions:
        for place, word in enumerate(words):
            if word.lower() not in FUNCTION_WORDS and re.fullmatch(r"[A-Za-z-]{3,}", word):
                key = word_key(word, is_last=place == len(words) - 1)
                found.setdefault(key, set()).add(word)
    return {key: sorted(own) for key, own in found.items()}
