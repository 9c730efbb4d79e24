"""Parsing of text answers into an order of the options, strictly and then leniently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmexam.exam.letters import letter_of
from llmexam.solvers.served.replies import without_thoughts

_STRICT = re.compile(r"\(?([A-Z])[).]?(?:\s*[,;>\s]\s*\(?[A-Z][).]?)*\.?")
_LETTER = re.compile(r"(?<![\w'\u2019])([A-Z])(?![\w'\u2019])")
# "A" and "I" are also words: "A star is ...", "I think ...".
_WORD = re.compile(r"\s+(?!(?:is|as|because|and|or|then)\b)[a-z]")
_FINAL = re.compile(r"\banswers?\b\W*(?:(?:is|are|would be|should be)\b\W*)?(?:option\W*)?", re.I)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """A parsed answer.

    Attributes:
        order: Indices of the options it names, best first; empty if none was found.
        how: strict: letters and nothing else; lenient: letters or options among other words.
    """

    order: tuple[int, ...]
    how: Literal["strict", "lenient", "none"]


def parse_answer(text: str, options: Sequence[str]) -> ParsedAnswer:
    """Return the options that an answer names, best first.

    Lenient parsing uses what follows the last "answer", else letters as separate words, else
    options quoted in full. Text between `<think>` tags is ignored.

    >>> parse_answer("B, A", ["iron", "salt"])
    ParsedAnswer(order=(1, 0), how='strict')
    >>> parse_answer("The answer is **B**.", ["iron", "salt"])
    ParsedAnswer(order=(1,), how='lenient')
    >>> parse_answer("It must be salt", ["iron", "salt"])
    ParsedAnswer(order=(1,), how='lenient')
    >>> parse_answer("I do not know", ["iron", "salt"])
    ParsedAnswer(order=(), how='none')

    Args:
        text: The answer.
        options: The options, in the order of the request.
    """
    places = {letter_of(place): place for place in range(len(options))}
    bare = text.strip()
    if _STRICT.fullmatch(bare):
        letters = re.findall(r"[A-Z]", bare)
        if len(set(letters)) == len(letters) and all(letter in places for letter in letters):
            return ParsedAnswer(tuple(places[letter] for letter in letters), "strict")
    said = re.sub(r"[*_`#]+", "", without_thoughts(text)).strip()
    order = _named_last(said, places) or _letters(said, places) or _quoted(said, options)
    return ParsedAnswer(order, "lenient" if order else "none")


def _named_last(said: str, places: dict[str, int]) -> tuple[int, ...]:
    """Return the options by the letters that directly follow the last "answer"."""
    for match in reversed(list(_FINAL.finditer(said))):
        rest = said[match.end() :]
        first = _LETTER.search(rest)
        if first is not None and not re.search(r"\w", rest[: first.start()]):
            line = rest.splitlines()[0] if rest.splitlines() else rest
            found = _letters(line, places)
            if found:
                return found
    return ()


def _letters(said: str, places: dict[str, int]) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for match in _LETTER.finditer(said):
        letter = match[1]
        is_word = letter in "AI" and _WORD.match(said, match.end())
        if letter in places and not is_word:
            found.setdefault(places[letter])
    return tuple(found)


def _quoted(said: str, options: Sequence[str]) -> tuple[int, ...]:
    """Return options quoted in full; longest first, because "sea salt" contains "salt"."""
    folded = " ".join(said.casefold().split())
    texts = [" ".join(option.casefold().split()).rstrip(".") for option in options]
    where: dict[int, int] = {}
    for place in sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i)):
        # A repeated option is ambiguous.
        if not re.search(r"\w", texts[place]) or texts.count(texts[place]) > 1:
            continue
        match = re.search(rf"(?<!\w){re.escape(texts[place])}(?!\w)", folded)
        if match is not None:
            where[place] = match.start()
            blank = "\0" * (match.end() - match.start())
            folded = folded[: match.start()] + blank + folded[match.end() :]
    return tuple(sorted(where, key=lambda place: where[place]))
