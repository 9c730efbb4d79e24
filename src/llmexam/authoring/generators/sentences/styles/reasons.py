"""Questions whose options are reasons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.distractors import specific_words
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.facts import find_reason
from llmexam.authoring.generators.sentences.options import Wrong, draw
from llmexam.authoring.generators.sentences.terms import Statement, bucket
from llmexam.authoring.generators.sentences.words import (
    content_stems,
    upper_first,
)

_NEAREST = 300
_LEAST_SIMILARITY = 0.35
# Least rarity of the words of a wrong clause: vague ones could be true.
_LEAST_RARITY = 0.5


def write_reason(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following explains why ...?" for a sentence with `because`."""
    found = find_reason(task.sentence.text, task.bank.lower_case)
    if found is None:
        return
    if len(set(content_stems(found.reason)) & set(content_stems(found.fact))) > 1:
        task.reasons["the question contains the answer"] += 1
        return
    wrong = []
    for similarity, one in _ranked(task, task.bank.reasons):
        other = one.reason
        if other is None or not _fits(task, other.reason, found.reason, found.fact):
            continue
        note = f"reason for another fact, in {one.origin}"
        wrong.append((similarity, Wrong(f"{upper_first(other.reason)}.", note, similarity)))
    for similarity, one in _ranked(task, task.bank.short_facts):
        if not _fits(task, one.text, found.reason, found.fact):
            continue
        note = f"true of something else, in {one.origin}"
        wrong.append((similarity - 0.2, Wrong(one.text, note, similarity)))
    prompt = f"Which of the following explains why {found.fact}?"
    yield from _drafts(task, prompt, f"{upper_first(found.reason)}.", wrong)


def _ranked(task: Task, statements: list[Statement]) -> Iterator[tuple[float, Statement]]:
    """Yield the statements of other passages nearest in their words, best first."""
    similarities = task.bank.matrix_of(statements) @ task.vector
    order = np.argsort(-similarities, kind="stable")
    for index in order[:_NEAREST].tolist():
        one = statements[index]
        if similarities[index] < _LEAST_SIMILARITY:
            break
        if one.text not in task.source.passage.text and one.text != task.sentence.text:
            yield float(similarities[index]), one


def _fits(task: Task, text: str, answer: str, fact: str) -> bool:
    """Return whether a clause can be a wrong option: about as long, of words not in the passage."""
    if not 0.4 * len(answer) <= len(text) <= 2.5 * len(answer):
        return False
    specific = specific_words(task.bank, text, 3)
    if specific & task.words:
        return False
    if set(content_stems(text)) & set(content_stems(fact)):
        return False
    rarity = sum(float(task.bank.idf[word]) for word in specific)
    return rarity >= _LEAST_RARITY * len(specific)


def _drafts(
    task: Task, prompt: str, answer: str, wrong: list[tuple[float, Wrong]]
) -> Iterator[Draft]:
    wrong.sort(key=lambda one: (-one[0], one[1].text))
    options = [one for _, one in wrong if one.text != answer]
    random_source = stable_random(task.seed, "clauses", prompt, answer)
    chosen = draw(options, task.n_wrong, len(answer), random_source)
    if chosen is None:
        task.reasons["too few distractors of the same kind"] += 1
        return
    rarity = max((float(task.bank.idf[bucket(one)]) for one in content_stems(answer)), default=0.0)
    yield Draft("cause", prompt, answer, tuple(chosen), task.sentence.quote, rarity)
