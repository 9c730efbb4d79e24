"""Find terms that a text names or explains: "a layer called the dermis", "loiasis, a disease"."""

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
    r"(?<!-)\b(?:called|known as|termed|referred to as) (?:(?P<article>a|an|the) )?"
    r"(?P<phrase>[A-Za-z][\w’'-]*(?: [A-Za-z][\w’'-]*){0,6})(?P<after>[.,]?)"  # noqa: RUF001
)
# "formerly called" and "also called" name a second term for a thing that is named beside it.
_SECOND = re.compile(
    r"\b(?:formerly|previously|originally|once|so|also|sometimes|informally|initially|"
    r"variously|better|well|was|were|not|be|alternatively|he|they|-|what is|she|generally|then)$"
)
_LONGEST = 4
_VERBS = SINGULAR_VERBS | PLURAL_VERBS
_BOUNDARIES = FUNCTION_WORDS | {"due", "owing", "according", "located", "produced", "using"}
_SYNONYM = re.compile(
    r"^,? (?:or|and)\b|^,? (?:also|sometimes|abbreviated|because|after|named|for)\b"
)


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
        if word.lower() in _BOUNDARIES or (words and word in SINGULAR_VERBS):
            break
        # "antibodies bind" ends before its verb, "lateral flow tests" has none.
        if words and word in PLURAL_VERBS and is_plural(words[-1]):
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


_MEANING = (
    r"(?P<meaning>(?:an?|the (?:study|science|ability|transfer|release|loss|removal|movement|use)) "
    r"[a-z][^(),.;:=]{15,140}?)"
)
# The term stands before: it is looked for only where a meaning is found.
_APPOSED = re.compile(
    rf", {_MEANING}(?=\.$|, (?:which|who|and|is|are|can|was|were|has|have|may)\b)"
)
_BRACKETED = re.compile(rf" \({_MEANING}\)")
_BEFORE = re.compile(r"[A-Za-z][\w’'-]*(?: [A-Za-z][\w’'-]*){0,3}$")  # noqa: RUF001
_LONGEST_BEFORE = 60
_UNFIT = re.compile(
    r"\b(?:it|its|they|their|them|this|these|those|we|you|our|your|such|he|she|his|her|same|"
    r"above|below|here|one of|first|second|other|another|shown|example|most|least|only|term|"
    r"concept|name|word|result|fact|case|figure|problem|number|lot|few|is|are|was|were|component|"
    r"member|key|common|situation|large|small|part|good|similar|more|less|well-known|famous|"
    r"feature|way|thing|very|great|topic|subject|issue|question|possible|major|important|simple|"
    r"measurement|graph|also|consequence|property|factor|matter|step|area|revolution|"
    r"region|would|will|had|requirement|extends|process|can become|critical|condition where|"
    r"quantity|total)\b"
)
_LINK = re.compile(
    r" (?:that|which|who|whose|of|in|for|from|between|used|by|with|caused|containing|where|"
    r"produced|found|located|characterized|consisting|made|composed|endemic|designed) "
)
_MOST_BEFORE_LINK = 4
_INTRODUCES = re.compile(
    r"(?:In|When|As|For|With|At|On|By|After|Before|During|Unlike|Like|From|Since|Although|To|Under|"
    r"If|While|Because|Through|Without|Instead|Among|Given|Once|Using|Within|Over|Until|Where|"
    r"Near|Despite|Here|Thus|However|\w+ing|\w+ly)\b[^,]*$"
)


def find_glosses(text: str) -> Iterator[Gloss]:
    """Yield terms with the noun phrases that explain them, in commas or in brackets."""
    for pattern in (_BRACKETED, _APPOSED):
        for match in pattern.finditer(text):
            meaning = match["meaning"]
            if not _is_meaning(meaning):
                continue
            before = text[: match.start()]
            phrase = _BEFORE.search(before[-_LONGEST_BEFORE:])
            term = _last_term(phrase[0]) if phrase is not None else ""
            # After an opening phrase, a comma starts the main clause and no explanation.
            if term and not (pattern is _APPOSED and _INTRODUCES.match(before)):
                yield Gloss(term, meaning)


def _is_meaning(meaning: str) -> bool:
    """Return whether a text is a noun phrase that tells enough about a thing to name it."""
    link = _LINK.search(meaning)
    if link is None or meaning[: link.start()].count(" ") > _MOST_BEFORE_LINK:
        return False
    if _UNFIT.search(meaning) or re.search(r"\d|\b[A-Z]\b", meaning):
        return False
    if any(word in _VERBS for word in meaning[: link.start()].split(" ")[2:]):
        return False
    if meaning.split(" ")[-1].lower() in FUNCTION_WORDS:
        return False
    return 5 <= meaning.count(" ") + 1 <= 22


_LONGEST_GLOSSED = 3


def _last_term(phrase: str) -> str:
    """Return the words at the end of a phrase that can be a term, or an empty text."""
    words = phrase.split(" ")
    for first in range(max(len(words) - _LONGEST_GLOSSED, 1), len(words)):
        if any(word.lower() in FUNCTION_WORDS for word in words[first:]):
            continue
        own = words[first:]
        if own[0] in _VERBS or own[0].endswith("ing"):
            continue
        before = words[first - 1] if first else ""
        # In "evaporation of water, a slow process", the process is not water.
        if before == "of":
            return ""
        # Without a word that ends before it, part of a longer phrase would be taken for the term.
        if (before.lower() in FUNCTION_WORDS or before in _VERBS) and is_term(own):
            return " ".join(own)
    return ""
