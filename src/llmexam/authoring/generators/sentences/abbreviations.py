"""Find abbreviations in brackets after the words that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.words import FUNCTION_WORDS

_BRACKETED = re.compile(
    r"(?P<words>(?:[A-Za-z][A-Za-z’'-]* ){2,8})\( ?(?P<short>[A-Z][A-Za-z]{0,6}[A-Z])(?P<plural>s?) ?\)"  # noqa: RUF001
)
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
        words = match["words"].split()
        letters = match["short"].lower()
        for first in range(len(words) - 1):
            own = words[first:]
            big = [word for word in own if word.lower() not in _SMALL]
            if own[0].lower() in FUNCTION_WORDS or not 2 <= len(big) <= _MOST_WORDS:
                continue
            parts = [part for word in big for part in word.split("-") if part]
            if "".join(part[0] for part in parts).lower() != letters:
                if "".join(word[0] for word in big).lower() != letters:
                    continue
            offset = match.start() + len(" ".join(words[:first])) + (first > 0)
            yield Abbreviation(match["short"], tuple(own), offset, match.end())
            break


def word_key(word: str, *, is_last: bool) -> tuple[str, bool, bool, str]:
    """Return what two words must have in common to be exchanged: initial, case, ending, place."""
    ending = next((one for one in _ENDINGS if word.endswith(one)), "")
    return word[0].lower(), word[0].isupper(), is_last, ending


_ENDINGS = ("tion", "ing", "ed", "ic", "al", "ive", "ous", "ase", "ent", "s")


def initials_of(expansions: Sequence[Sequence[str]]) -> dict[tuple[str, bool, bool, str], list[str]]:
    """Return the words of expansions by `word_key`, in alphabetical order."""
    found: dict[tuple[str, bool, bool, str], set[str]] = {}
    for words in expansions:
        for place, word in enumerate(words):
            if word.lower() not in FUNCTION_WORDS and re.fullmatch(r"[A-Za-z-]{3,}", word):
                key = word_key(word, is_last=place == len(words) - 1)
                found.setdefault(key, set()).add(word)
    return {key: sorted(own) for key, own in found.items()}
