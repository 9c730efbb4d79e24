"""Sentences of the corpus that an exchange has made false."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.exchanges import Exchange, find_exchanges
from llmexam.authoring.generators.sentences.quantities import find_quantity
from llmexam.authoring.generators.sentences.terms import bucket, buckets
from llmexam.authoring.generators.sentences.words import (
    AUXILIARIES,
    FUNCTION_WORDS,
    PLURAL_VERBS,
    SINGULAR_VERBS,
    WORD,
    content_stems,
)


@dataclass(frozen=True, slots=True)
class Falsehood:
    """A false sentence.

    Attributes:
        text: The sentence after the exchange.
        note: What was exchanged, and the passage of the true sentence.
        true: The true sentence.
        title: Title of its passage.
        words: Buckets of its words.
        part: Part of the pool that it belongs to.
    """

    text: str
    note: str
    true: str
    title: str
    words: frozenset[int]
    part: int


N_PARTS = 10


def part_of(text: str) -> int:
    """Return the part of the pool that a sentence belongs to, drawn by a hash of its text.

    A question takes wrong options of its own part only, so few questions on a subject share one.
    """
    return zlib.crc32(text.encode()) % N_PARTS


def falsify(
    text: str, origin: str, title: str, idf: NDArray[np.float32], lower_case: frozenset[str]
) -> Falsehood | None:
    """Return a sentence made false by its most certain exchange, or None if there is none."""
    if not is_standalone(text, idf, lower_case):
        return None
    exchanges = find_exchanges(text) or _other_number(text)
    if not exchanges:
        return None
    chosen = exchanges[0]
    false = chosen.apply(text)
    if _ABSOLUTE.search(false):
        return None
    note = f"{chosen.note(text)} in {origin}"
    return Falsehood(false, note, text, title, frozenset(buckets(text)), part_of(text))


def _other_number(text: str) -> list[Exchange]:
    """Return an exchange of the only quantity of a sentence for another if it is a share."""
    quantity = find_quantity(text)
    if quantity is None or _UNSURE_NUMBER.search(text):
        return []
    value = quantity.value
    # Of other quantities, exercises have some that are true of their setting only.
    if quantity.rest.strip() not in ("percent", "%"):
        return []
    factor = 0.2 if value > 5 else 10.0
    new = value * factor
    decimals = len(quantity.number.partition(".")[2])
    number = f"{new:.{decimals}f}" if decimals else f"{int(float(f'{new:.2g}')):,}"
    if float(number.replace(",", "")) in (0.0, 1.0, value):
        return []
    return [Exchange(quantity.start, quantity.start + len(quantity.number), number, "number")]


# Words that mark a statement as false for people who know how tests are written.
_ABSOLUTE = re.compile(
    r"\b(?:always|never|only|completely|entirely|solely|exclusively|absolutely|totally|impossible|"
    r"everyone|everything|everywhere|nothing|nobody|hardly)\b",
    re.IGNORECASE,
)
_UNSURE_NUMBER = re.compile(
    r"\b(?:may|might|can|could|would|some|if|suppose|several|between|varies|sometimes|example)\b"
)
_LEAST_RARITY = 0.42
_LEAST_SPECIFIC = 2
_FINITE = SINGULAR_VERBS | PLURAL_VERBS | AUXILIARIES
_WEAK_OPENING = re.compile(
    r"(?:In (?:one|late|early|addition|reality|practice|order|most cases|general|many|some|a |"
    r"the )|"
    r"Similar |Given |Another |A (?:particular|rapid|competing)|To |For |After all|As |"
    r"If |With |Without |Once|Even|Just|Only|Among|Most of|All of|Some|"
    r"Several|Many|A (?:series|handy|few|number|second|third|similar|good|further|more|common|"
    r"\w+ (?:page|site|video|website))|An (?:information|example|\w+ page)|"
    r"Additional|Infections? |Treatment|Symptoms|Signs|Diagnosis|Patients|Individuals|People|"
    r"Scientists|Astronomers|Researchers|Physicists|Unlike|Rather|Whatever|Because|Since|Although|"
    r"While|When|Where|Whereas|Apparently|Eventually|Incidentally|Nor|Initial|Early|Later|Primary|"
    r"Clinical|Laboratory|Complications|Antibiotics are|Vaccines? (?:is|are)|Things|Data|Results|"
    r"Note|Recent|Modern|Current|Previous|Known|Staging|Additional|Alternative|Typical)"
)
_VAGUE_SUBJECT = re.compile(
    r"The (?!(?:\w+ ){0,3}(?:of|in|between|for|that|known|called)\b|[A-Z]|\w+ [A-Z]|"
    r"(?:universe|solar|human|atmosphere|periodic|Sun|Moon|Earth))"
)
_VAGUE = re.compile(
    r"\b(?:this|these|also|additional|too|itself|themselves|latter|former|likewise|similarly|"
    r"however|therefore|thus|again|hence|our|we|us|else|elsewhere|there|here|now|so|today|"
    r"example|relevant|certain|above|"
    r"their discover\w+|of their|of its|companion|itself|"
    r"follow|faraway|respectively|experiment|video|click|page|link|author|the (?:"
    r"material|"
    r"measurement|deposit|sample|species|student|object|system shown|competing)|"
    r"[Aa]ll (?:two|three|four|five)|"
    r"equally|[Mm]ost (?:are|have|were)|the liquid"
    r")\b"
)


def points_elsewhere(text: str) -> bool:
    """Return whether a sentence speaks of a thing that other sentences introduce."""
    return bool(_VAGUE_SUBJECT.match(text) or _VAGUE.search(text))


def is_standalone(text: str, idf: NDArray[np.float32], lower_case: frozenset[str]) -> bool:
    """Return whether a sentence names what it is about, so that it can be judged alone.

    It has a finite verb, no word that points to other sentences, and a rare word or a name before
    its verb.
    """
    if _WEAK_OPENING.match(text) or points_elsewhere(text):
        return False
    words = WORD.findall(text)
    if len(words) > 32:
        return False
    verb = next((place for place, word in enumerate(words) if word in _FINITE and place), 0)
    if not verb or verb > 12:
        return False
    subject = words[:verb]
    names = sum(
        word[0].isupper()
        and (place > 0 or word.lower() not in lower_case)
        and word.lower() not in FUNCTION_WORDS
        for place, word in enumerate(subject)
    )
    rare = [float(idf[bucket(one)]) for one in content_stems(" ".join(subject))]
    if not rare or max(rare) < (0.3 if names else _LEAST_RARITY):
        return False
    all_rare = sum(float(idf[bucket(one)]) >= _LEAST_RARITY for one in set(content_stems(text)))
    return all_rare >= _LEAST_SPECIFIC + (len(subject) < 2)
