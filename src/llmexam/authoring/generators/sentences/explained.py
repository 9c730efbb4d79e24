"""Terms that the corpus explains, as wrong options for questions on the term for something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.options import Around, Wrong, occurs, same_thing
from llmexam.authoring.generators.sentences.terms import Explained, form_kinds
from llmexam.authoring.generators.sentences.words import WORD, stem

_NEAREST = 600
_LEAST_SIMILARITY = 0.3
# Two explanations with more of their words in common may be of one thing.
_MOST_SHARED = 0.5
_POOL = 14


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a wrong term must be like.

    Attributes:
        term: The right term.
        plural: Whether it is plural.
        article: `a`, `the` or empty; None if the question does not show it.
        words: Buckets of the words that explain it.
        sense: What sort of thing it names.
    """

    term: str
    plural: bool
    article: str | None
    words: frozenset[int]
    sense: str


def explained_terms(
    explained: list[Explained],
    vectors: NDArray[np.float32],
    near: NDArray[np.float32],
    wanted: Wanted,
    around: Around,
) -> list[Wrong]:
    """Return terms with an explanation of their own that differs from that of the answer.

    A term is left out if it names another sort of thing, if the passage names it, if it contains
    the answer or the other way round, or if the words of the two explanations are much the same.

    Args:
        explained: The terms that the corpus explains.
        vectors: Vectors of their explanations.
        near: Vector of the words that explain the answer.
        wanted: The answer and its explanation.
        around: The passage.
    """
    if not wanted.sense:
        return []
    similarities = vectors @ near
    stems = tuple(stem(word) for word in WORD.findall(wanted.term))
    kinds = form_kinds(wanted.term)
    taken: set[str] = {wanted.term.lower()}
    found: list[tuple[float, Wrong]] = []
    for index in np.argsort(-similarities, kind="stable")[:_NEAREST].tolist():
        one = explained[index]
        similarity = float(similarities[index])
        if similarity < _LEAST_SIMILARITY:
            break
        if one.term.lower() in taken or not _is_alike(one, wanted):
            continue
        if same_thing(stems, one.stems) or occurs(one.term, one.stems, around):
            continue
        shared = len(one.words & wanted.words)
        if shared > _MOST_SHARED * min(len(one.words), len(wanted.words)):
            continue
        if one.names(wanted.term):
            continue
        taken.add(one.term.lower())
        bonus = 0.15 * bool(kinds & form_kinds(one.term))
        note = f"term for something else in {one.origin}"
        found.append((similarity + bonus, Wrong(one.term, note, similarity)))
        if len(found) == 2 * _POOL:
            break
    found.sort(key=lambda one: (-one[0], one[1].text))
    return [one for _, one in found[:_POOL]]


def _is_alike(one: Explained, wanted: Wanted) -> bool:
    """Return whether a term is of the sort and of the form of the answer."""
    if one.sense != wanted.sense:
        return False
    if one.plural != wanted.plural or one.term[0].islower() != wanted.term[0].islower():
        return False
    if wanted.article is not None and one.article != wanted.article:
        return False
    # A molecular orbital and an atomic one can have one explanation.
    if one.stems[-1:] == (stem(wanted.term.split(" ")[-1]),):
        return False
    if abs(one.term.count(" ") - wanted.term.count(" ")) > 1:
        return False
    return 0.4 <= len(one.term) / len(wanted.term) <= 2.5
