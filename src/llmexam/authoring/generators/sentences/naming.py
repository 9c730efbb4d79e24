"""Find the terms that a text names or explains: "a layer called the dermis", "loiasis, a disease"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.clauses import is_term
from llmexam.authoring.generators.sentences.words import (
    FUNCTION_WORDS,
    PLURAL_VERBS,
    SINGULAR_VERBS,
    is_plural,
)


@dataclass(frozen=True, slots=True)
class Name:
    """A term where a sentence introduces it.

    Attributes:
        start: Where the term starts, without its article.
        end: Where it ends.
        term: The term.
        plural: Whether it is plural.
        article: `a`, `an`, `the` or empty.
    """

    start: int
    end: int
    term: str
    plural: bool
    article: str


_NAMED = re.compile(
    r"\b(?:called|known as|termed|referred to as) (?:(?P<article>a|an|the) )?"
    r"(?P<phrase>[A-Za-z][\w’'-]*(?: [A-Za-z][\w’'-]*){0,6})(?P<after>[.,]?)"  # noqa: RUF001
)
# "formerly called" and "also called" name a second term for a thing that is named beside it.
_SECOND = re.compile(
    r"\b(?:formerly|previously|originally|once|so|also|sometimes|informally|initially|"
    r"variously|better|well|was|were|not|be|alternatively|he|they|she|generally|then)$"
)
_LONGEST = 4
_VERBS = SINGULAR_VERBS | PLURAL_VERBS
_SYNONYM = re.compile(r"^,? (?:or|and)\b|^,? (?:also|sometimes|abbreviated|because|after|named|for)\b")


def find_name(text: str) -> Name | None:
    """Return the term that a sentence names, or None; a sentence that names two gives none."""
    found = list(_NAMED.finditer(text))
    if len(found) != 1:
        return None
    match = found[0]
    if _SECOND.search(text[: match.start()].rstrip()):
        return None
    words: list[str] = []
    for word in match["phrase"].split(" "):
        if word.lower() in FUNCTION_WORDS or (words and word in _VERBS):
            break
        words.append(word)
    start = match.start("phrase")
    end = start + len(" ".join(words))
    if not 1 <= len(words) <= _LONGEST or not is_term(words):
        return None
    if _SYNONYM.match(text[end:]):
        return None
    term = text[start:end]
    return Name(start, end, term, is_plural(words[-1]), match["article"] or "")


@dataclass(frozen=True, slots=True)
class Gloss:
    """A term and a noun phrase beside it that explains it.

    Attributes:
        term: The term.
        meaning: The noun phrase, with its article.
    """

    term: str
    meaning: str


_TERM = r"(?P<term>[A-Za-z][\w’'-]*(?: [A-Za-z][\w’'-]*){0,2})"  # noqa: RUF001
_APPOSED = re.compile(
    rf"{_TERM}, (?P<meaning>(?:a|an|the) [a-z][^,.;:()]{{20,140}}?)(?=\.$|, (?:which|who|and|is|are|can|was|were|has|have|may)\b)"
)
_BRACKETED = re.compile(rf"{_TERM} \((?P<meaning>(?:a|an|the) [a-z][^(),;:.=]{{20,140}})\)")
_UNFIT = re.compile(
    r"\b(?:it|its|they|their|them|this|these|those|we|you|our|your|such|he|she|his|her|same|"
    r"above|below|here|one of|first|second|other|another|shown|example|most|least|only|term|"
    r"process|concept|name|word|result|fact|case|figure|problem|number|lot|few|is|are|was|were)\b"
)
_OF = re.compile(
    r"\b(?:that|which|who|whose|of|in|for|from|between|used|by|with|to|caused|containing|where)\b"
)


def find_glosses(text: str) -> Iterator[Gloss]:
    """Yield terms with the noun phrases that explain them, in commas or in brackets."""
    for pattern in (_BRACKETED, _APPOSED):
        for match in pattern.finditer(text):
            term = _last_term(match["term"])
            meaning = match["meaning"]
            if not term or _UNFIT.search(meaning) or _OF.search(meaning) is None:
                continue
            if not 5 <= meaning.count(" ") + 1 <= 22 or re.search(r"\d|[A-Z]\b", meaning):
                continue
            if meaning.split(" ")[-1].lower() in FUNCTION_WORDS:
                continue
            yield Gloss(term, meaning)


def _last_term(phrase: str) -> str:
    """Return the words at the end of a phrase that can be a term, or an empty text."""
    words = phrase.split(" ")
    for first in range(len(words)):
        if any(word.lower() in FUNCTION_WORDS for word in words[first:]):
            continue
        own = words[first:]
        before = words[first - 1] if first else ""
        # Without a word that ends before it, part of a longer phrase would be taken for the term.
        if (before.lower() in FUNCTION_WORDS or before in _VERBS) and is_term(own):
            return " ".join(own)
        return ""
    return ""
