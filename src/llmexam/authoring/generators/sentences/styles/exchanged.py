"""Questions whose wrong options are sentences of the corpus that an exchange has made false."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.falsehoods import Falsehood, is_standalone, part_of
from llmexam.authoring.generators.sentences.options import Wrong, draw
from llmexam.authoring.generators.sentences.terms import bucket, buckets
from llmexam.authoring.generators.sentences.words import content_stems, word_set

_NEAREST = 400
_LEAST_SIMILARITY = 0.35
_POOL = 24
_GENERIC_TITLES = word_set(
    """
    introduction preface summary conclusion glossary appendix exercises problems references
    index overview contents review
    """
)


def write_statement(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following statements is true?" for a sentence that needs no context.

    The wrong options are false forms of other sentences on the subject, so that all options are
    of one form. A question takes only wrong options of its part of the pool: then few questions
    of a title share an option.
    """
    text = task.sentence.text
    if not is_standalone(text, task.bank.idf, task.bank.lower_case):
        return
    part = part_of(text)
    words = frozenset(buckets(text))
    wrong: list[Wrong] = []
    titles: dict[str, str] = {}
    for similarity, one in _nearest(task):
        if one.part != part or one.true in task.source.passage.text:
            continue
        if not 0.55 * len(text) <= len(one.text) <= 1.8 * len(text):
            continue
        shared = len(one.words & words)
        if shared > 0.5 * min(len(words), len(one.words)):
            continue
        wrong.append(Wrong(one.text, one.note, similarity))
        titles[one.text] = one.title
        if len(wrong) == _POOL:
            break
    random_source = stable_random(task.seed, "exchanged", text)
    # All are near enough: in random order, few questions share an option.
    random_source.shuffle(wrong)
    chosen = draw(wrong, task.n_wrong, len(text), random_source, clash=_same_exchange)
    if chosen is None:
        task.reasons["too few false statements on the subject"] += 1
        return
    # The title is that of any option, so that the words it has in common with one tell nothing.
    own = task.source.passage.title
    title = random_source.choice([own, *(titles[one.text] for one in chosen)])
    rarity = max((float(task.bank.idf[bucket(one)]) for one in content_stems(text)), default=0.0)
    yield Draft("statement", _prompt(title), text, tuple(chosen), task.sentence.quote, rarity)


def _same_exchange(one: Wrong, other: Wrong) -> bool:
    """Return whether the same word is put into two sentences: it would mark both as false."""
    return one.note.split("' for '", 1)[0] == other.note.split("' for '", 1)[0]


def _prompt(title: str) -> str:
    words = title.split(" ")
    if not title or not 1 <= len(words) <= 9 or words[0].lower() in _GENERIC_TITLES:
        return "Which of the following statements is true?"
    return f"Which of the following statements on “{title}” or related subjects is true?"


def _nearest(task: Task) -> Iterator[tuple[float, Falsehood]]:
    bank = task.bank
    if not bank.falsehoods:
        return
    similarities = bank.falsehood_vectors @ task.vector
    for index in np.argsort(-similarities, kind="stable")[:_NEAREST].tolist():
        if similarities[index] < _LEAST_SIMILARITY:
            return
        yield float(similarities[index]), bank.falsehoods[index]
