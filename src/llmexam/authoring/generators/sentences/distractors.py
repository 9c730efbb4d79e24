"""Choose wrong options: of the kind of the answer, near it in the corpus, and not true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.bank import Bank
from llmexam.authoring.generators.sentences.options import Around, occurs, same_thing
from llmexam.authoring.generators.sentences.terms import Term, buckets, form_kinds
from llmexam.authoring.generators.sentences.words import WORD, stem

N_NEAREST = 80
_TOO_NEAR = 0.995
# Least similarity of terms that share a head noun, and of those that share an ending only.
_FAR = 0.35
_FAR_WEAK = 0.55
# Names and acronyms are of one kind only if they are on one subject.
_FAR_NAMES = 0.75
# Below this, a term occurs in texts on every subject and is no good option.
_LEAST_FOCUS = 0.4


def specific_words(bank: Bank, text: str, n_words: int = 4) -> frozenset[int]:
    """Return the buckets of the rarest content words of a text."""
    words = sorted(set(buckets(text)), key=lambda word: (-float(bank.idf[word]), word))
    return frozenset(words[:n_words])


def surroundings(bank: Bank, passage: str, question: str) -> Around:
    """Return what the wrong terms of a question must not occur in."""
    lower = passage.lower()
    stems = frozenset(stem(word) for word in WORD.findall(passage))
    return Around(lower, stems, specific_words(bank, question))


def wrong_terms(
    bank: Bank,
    answer: str,
    plural: bool,
    around: Around,
    *,
    most_together: int = 1,
) -> list[tuple[float, Term]]:
    """Return terms of the kind of the answer that the passage does not name, best first.

    A term is left out if it occurs in the passage, shares all its words with the answer or
    the other way round, is an abbreviation of it, or occurs somewhere in the corpus together
    with the rare words of the question: it could then be right as well.

    Args:
        bank: Statistics of the corpus.
        answer: The right term.
        plural: Whether it is plural.
        around: The passage and the question.
        most_together: Most rare words of the question that may occur beside a wrong term.
    """
    known = bank.terms.get(answer.lower())
    own_kinds = frozenset(form_kinds(answer))
    if known is not None:
        own_kinds |= known.kinds
    rows = [bank.by_kind[kind] for kind in sorted(own_kinds) if kind in bank.by_kind]
    center = bank.vectors[known.row] if known else bank.vector(buckets(around.passage))
    if not rows:
        return []
    found = np.unique(np.concatenate(rows))
    near = bank.vectors[found] @ center
    scored = _score(bank, found, near.tolist(), own_kinds, answer)
    stems = tuple(stem(word) for word in WORD.findall(answer))
    proper = not answer[0].islower()
    kept = []
    for _, similarity, term in scored[:N_NEAREST]:
        if term.plural != plural or term.proper != proper:
            continue
        if similarity > _TOO_NEAR or not _lengths_fit(answer, term.text):
            continue
        if same_thing(stems, term.stems) or occurs(term.text, term.stems, around):
            continue
        if len(around.specific & bank.words_beside(term)) > most_together:
            continue
        kept.append((similarity, term))
    return kept


def _score(
    bank: Bank,
    found: NDArray[np.int64],
    near: list[float],
    own_kinds: frozenset[str],
    answer: str,
) -> list[tuple[float, float, Term]]:
    """Return score, similarity and term of the rows that are near enough, best first."""
    scored = []
    for similarity, row in zip(near, found.tolist(), strict=True):
        term = bank.order[row]
        shared = own_kinds & term.kinds
        strong = any(kind[0] in "ih" for kind in shared)
        if similarity > _least_similarity(shared) and term.focus > _LEAST_FOCUS:
            bonus = 0.3 * strong + 0.2 * sum(kind[0] in "eu" for kind in shared)
            bonus += 0.1 * term.defined + 0.1 * (term.text.count(" ") == answer.count(" "))
            scored.append((bonus + similarity, similarity, term))
    scored.sort(key=lambda one: (-one[0], one[2].text))
    return scored


def _least_similarity(shared: frozenset[str]) -> float:
    """Return how near two terms must be that share these kinds."""
    if any(kind[0] in "ih" for kind in shared):
        return _FAR
    return _FAR_WEAK if any(kind[0] in "eu" for kind in shared) else _FAR_NAMES


def _lengths_fit(answer: str, other: str) -> bool:
    """Return whether two terms have about as many words and letters."""
    return (
        abs(answer.count(" ") - other.count(" ")) <= 1
        and len(other) <= 2 * len(answer) + 4
        and len(answer) <= 2 * len(other) + 4
    )
