"""Relevant passages and hard negatives of a question, for training rerankers.

Relevance is taken from human judgements if there are any. Otherwise it is estimated from words: a
passage with the words of the right option and of no wrong one is most likely relevant. Ambiguous
passages are left out, because they would add label noise.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmexam.evidence.chunking import chunk_text
from llmexam.evidence.index.passage_store import document_of
from llmexam.evidence.judgements import Judgements
from llmexam.exam.normalise import normalise, words_of
from llmexam.exam.question import Passage, Question

# Words are cut to this length as a crude stemmer, so that "scatters" matches "scattering".
_STEM_CHARACTERS = 6
_SHORT = re.compile(r"^(?:\D{1,2}|the|and|for|with|that|this|from|are|was|its)$")
# Below this share of the right option's distinctive words, a passage is a negative.
_LITTLE_COVER = 0.34


@dataclass(frozen=True, slots=True)
class SortedPassages:
    """The passages of a question, sorted into relevant and negative ones.

    Attributes:
        good: Those that help, in their order.
        bad: Those that do not, in their order; none says what a good one says.
    """

    good: tuple[Passage, ...]
    bad: tuple[Passage, ...]


def sort_by_words(
    question: Question, passages: Sequence[Passage], *, min_cover: float, min_lead: float
) -> SortedPassages:
    """Sort passages by words that occur in one option only, and not in the prompt.

    Args:
        question: The question, with its answer.
        passages: What was found for it.
        min_cover: Share of the right option's own words that a good passage has.
        min_lead: How much larger that share is than that of any wrong option's.
    """
    if question.answer is None:
        return SortedPassages((), ())
    own = _own_words(question)
    if not any(own[i] for i in question.right_options):
        return SortedPassages((), ())
    good: list[Passage] = []
    bad: list[Passage] = []
    for passage in passages:
        words = _stems(f"{passage.title} {passage.text}")
        covers = [len(of_option & words) / max(1, len(of_option)) for of_option in own]
        right = max(covers[i] for i in question.right_options)
        wrong = [cover for i, cover in enumerate(covers) if i not in question.right_options]
        if right >= min_cover and right - max(wrong, default=0.0) >= min_lead:
            good.append(passage)
        elif right < _LITTLE_COVER:
            bad.append(passage)
    return _apart(good, bad)


def sort_by_judgements(
    question: Question, passages: Sequence[Passage], judgements: Judgements
) -> SortedPassages:
    """Sort passages by relevance judgements; passages without a judgement are negatives.

    Args:
        question: The question.
        passages: What was found for it; their ids, or those of their documents, are looked up.
        judgements: By question id.
    """
    grades: Mapping[str, int] = judgements.get(question.id, {})
    good: list[Passage] = []
    bad: list[Passage] = []
    for passage in passages:
        grade = grades.get(passage.id, grades.get(document_of(passage.id), 0))
        (good if grade > 0 else bad).append(passage)
    return _apart(good, bad)


def cut_passages(passages: Sequence[Passage], tokens: int | None) -> list[Passage]:
    """Return passages of at most this many words; longer ones are split at sentence ends."""
    if tokens is None:
        return list(passages)
    return [
        Passage(passage.text[start:end], passage.title, passage.id, passage.score)
        for passage in passages
        for start, end in chunk_text(passage.text, tokens=tokens, overlap=0)
    ]


def choose_negatives(
    sorted_: SortedPassages,
    others: Sequence[Passage],
    n: int,
    *,
    seed: int,
    name: str,
) -> list[Passage]:
    """Return n negatives: those of the question first, then random passages of others.

    Args:
        sorted_: The passages of the question.
        others: Passages of other questions.
        n: How many at most.
        seed: Of the draw.
        name: The question's id; what it gets does not depend on its neighbours.
    """
    chosen = list(sorted_.bad[:n])
    taken = {normalise(p.text) for p in (*sorted_.good, *sorted_.bad)}
    draw = random.Random(f"{seed}\0{name}")
    for passage in draw.sample(list(others), min(len(others), 4 * n)):
        if len(chosen) >= n:
            break
        if normalise(passage.text) not in taken:
            taken.add(normalise(passage.text))
            chosen.append(passage)
    return chosen


def _apart(good: list[Passage], bad: list[Passage]) -> SortedPassages:
    """Remove duplicates, and negatives that duplicate a relevant passage."""
    said: set[str] = set()
    kept: tuple[list[Passage], list[Passage]] = ([], [])
    for place, passages in enumerate((good, bad)):
        for passage in passages:
            key = normalise(passage.text)
            if key not in said:
                said.add(key)
                kept[place].append(passage)
    return SortedPassages(tuple(kept[0]), tuple(kept[1]))


def _own_words(question: Question) -> list[set[str]]:
    options = [_stems(option) for option in question.options]
    having = Counter(word for words in options for word in words)
    prompt = _stems(question.prompt)
    return [{word for word in words if having[word] == 1} - prompt for words in options]


def _stems(text: str) -> set[str]:
    return {word[:_STEM_CHARACTERS] for word in words_of(text) if not _SHORT.match(word)}
