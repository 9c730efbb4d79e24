"""Questions whose options are clauses: meanings, reasons and statements."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.clauses import Clause, parse_clause
from llmexam.authoring.generators.sentences.distractors import Wrong, draw, specific_words
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.facts import find_definition, find_reason
from llmexam.authoring.generators.sentences.terms import Statement, bucket, buckets
from llmexam.authoring.generators.sentences.words import (
    MODALS,
    content_stems,
    indefinite_article,
    upper_first,
    word_set,
)
from llmexam.authoring.item import Style

_NEAREST = 300
_LEAST_SIMILARITY = 0.5
_LEAST_SIMILARITY_OF_CLAUSES = 0.35
# Least rarity of the words of a wrong clause: vague ones could be true.
_LEAST_RARITY = 0.4


def write_meaning(task: Task) -> Iterator[Draft]:
    """Yield "What is ...?" with meanings as options."""
    found = find_definition(task.sentence.text, task.bank.lower_case)
    if found is None:
        return
    term = task.bank.terms.get(found.term.lower())
    if set(content_stems(found.term)) & set(content_stems(found.meaning)):
        task.reasons["the question contains the answer"] += 1
        return
    opening = _opening(found.meaning)
    wrong = []
    for similarity, one in _ranked(task, task.bank.definitions, found.meaning):
        other = one.definition
        if other is None or other.plural != found.plural or _opening(other.meaning) != opening:
            continue
        if not _fits(task, one, other.meaning, found.meaning, found.term):
            continue
        if set(content_stems(other.term)) & set(content_stems(found.term + " " + other.meaning)):
            continue
        bonus = 1.0 if other.kind == found.kind else 0.0
        note = f"meaning of '{other.term}' in {one.origin}"
        wrong.append((similarity + bonus, Wrong(upper_first(other.meaning), note, similarity)))
    article = term.article if term and not found.plural else ""
    subject = found.term
    if article == "a":
        subject = f"{indefinite_article(found.term)} {found.term}"
    elif article == "the":
        subject = f"the {found.term}"
    prompt = f"What {'are' if found.plural else 'is'} {subject}?"
    yield from _clause_drafts(task, "definition", prompt, upper_first(found.meaning), wrong)


def write_reason(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following explains why ...?" for a sentence with `because`."""
    found = find_reason(task.sentence.text, task.bank.lower_case)
    if found is None:
        return
    if len(set(content_stems(found.reason)) & set(content_stems(found.fact))) > 1:
        task.reasons["the question contains the answer"] += 1
        return
    wrong = []
    for similarity, one in _ranked(task, task.bank.reasons, found.reason):
        other = one.reason
        if other is None or not _fits(task, one, other.reason, found.reason, found.fact):
            continue
        note = f"reason for another fact, in {one.origin}"
        wrong.append((similarity, Wrong(f"{upper_first(other.reason)}.", note, similarity)))
    for similarity, one in _ranked(task, task.bank.short_facts, found.reason):
        if not _fits(task, one, one.text, found.reason, found.fact):
            continue
        note = f"true of something else, in {one.origin}"
        wrong.append((similarity - 0.2, Wrong(one.text, note, similarity)))
    prompt = f"Which of the following explains why {found.fact}?"
    yield from _clause_drafts(task, "cause", prompt, f"{upper_first(found.reason)}.", wrong)


def write_statement(task: Task) -> Iterator[Draft]:
    """Yield "Which of the following statements about ... is true?"."""
    text = task.sentence.text
    clause = parse_clause(text, task.bank.lower_case)
    if clause is None or clause.modifier or not 4 <= clause.rest.count(" ") <= 24:
        return
    if _is_vague(clause):
        return
    term = task.bank.terms.get(clause.term.lower())
    subject = upper_first(clause.subject)
    own = frozenset(buckets(task.source.passage.text))
    near = task.bank.vector(sorted(own))
    if term is not None:
        own |= task.bank.words_beside(term)
        near = task.bank.vectors[term.row]
    wrong = []
    for other_term, similarity in _siblings(task, near, clause):
        for one in task.bank.by_term[other_term]:
            other = one.clause
            if other is None or other.plural != clause.plural or _is_vague(other) or other.modifier:
                continue
            if not _verbs_match(clause, other):
                continue
            specific = specific_words(task.bank, other.rest, 3)
            # The rare words of the predicate must never occur with the subject: then the
            # statement is not known to be true of it.
            if not specific or _rarity(task, specific) < _LEAST_RARITY:
                continue
            if specific & own or len(other.rest) > 2 * len(clause.rest):
                continue
            if set(content_stems(other.rest)) & (
                set(content_stems(other.term)) | set(content_stems(clause.subject))
            ):
                continue
            text_wrong = f"{subject} {other.verb} {other.rest}"
            note = f"said of '{other.term}' in {one.origin}"
            wrong.append((similarity, Wrong(text_wrong, note, similarity)))
    prompt = f"Which of the following statements about {clause.subject} is true?"
    answer = f"{subject} {clause.verb} {clause.rest}"
    yield from _clause_drafts(task, "statement", prompt, answer, wrong)


def _siblings(task: Task, near: NDArray[np.float32], clause: Clause) -> list[tuple[str, float]]:
    """Return other terms of the same kinds with their similarity, best first."""
    bank = task.bank
    similarities = bank.subject_vectors @ near
    order = np.argsort(-similarities, kind="stable")[:_NEAREST]
    result = []
    for index in order.tolist():
        term = bank.subjects[index]
        if similarities[index] < _LEAST_SIMILARITY:
            break
        if (
            term.proper == (not clause.term[0].islower())
            and term.plural == clause.plural
            and term.text.lower() != clause.term.lower()
        ):
            result.append((term.text.lower(), float(similarities[index])))
    return result


def _rarity(task: Task, words: frozenset[int]) -> float:
    return sum(float(task.bank.idf[word]) for word in words) / max(len(words), 1)


def _is_vague(clause: Clause) -> bool:
    """Return whether a predicate could be true of many things, or points to something else."""
    words = clause.rest.lower().split(" ")
    return any(word in _POINTING for word in words) or words[0] in ("not", "also", "no")


_POINTING = word_set(
    """
    it they them its their itself themselves both also too many other
    """
)


def _verbs_match(clause: Clause, other: Clause) -> bool:
    """Return whether two predicates are of one kind: what a thing is, is like, or does."""
    return _predicate(clause) == _predicate(other)


def _predicate(clause: Clause) -> str:
    if clause.verb in ("is", "are"):
        first = clause.rest.split(" ", 1)[0]
        return "is a thing" if first in ("a", "an", "the", "one") else "is so"
    return "modal" if clause.verb in MODALS else "does"


def _opening(meaning: str) -> str:
    first = meaning.split(" ", 1)[0]
    return first.replace("an", "a") if first in ("a", "an", "the") else ""


def _ranked(
    task: Task, statements: list[Statement], text: str
) -> Iterator[tuple[float, Statement]]:
    """Yield the statements of other passages nearest in their words, best first."""
    bank = task.bank
    similarities = bank.matrix_of(statements) @ bank.vector(
        sorted(set(buckets(task.source.passage.text)))
    )
    order = np.argsort(-similarities, kind="stable")
    for index in order[:_NEAREST].tolist():
        one = statements[index]
        if similarities[index] < _LEAST_SIMILARITY_OF_CLAUSES:
            break
        if one.text not in task.source.passage.text and one.text != task.sentence.text:
            yield float(similarities[index]), one


def _fits(task: Task, one: Statement, text: str, answer: str, subject: str) -> bool:
    """Return whether a clause can be a wrong option: about as long, of words not in the passage."""
    if not 0.4 * len(answer) <= len(text) <= 2.5 * len(answer):
        return False
    own = set(buckets(task.source.passage.text))
    if specific_words(task.bank, text, 3) & own:
        return False
    if set(content_stems(text)) & set(content_stems(subject)):
        return False
    term = task.bank.terms.get(subject.lower())
    specific = specific_words(task.bank, text, 2)
    return term is None or not specific & task.bank.words_beside(term)


def _clause_drafts(
    task: Task, style: Style, prompt: str, answer: str, wrong: list[tuple[float, Wrong]]
) -> Iterator[Draft]:
    wrong.sort(key=lambda one: (-one[0], one[1].text))
    options = [one for _, one in wrong if one.text != answer]
    random_source = stable_random(task.seed, "clauses", prompt, answer)
    chosen = draw(options, task.n_wrong, len(answer), random_source)
    if chosen is None:
        task.reasons["too few distractors of the same kind"] += 1
        return
    rarity = max((float(task.bank.idf[bucket(one)]) for one in content_stems(answer)), default=0.0)
    yield Draft(style, prompt, answer, tuple(chosen), task.sentence.quote, rarity)
