"""Cloze questions: a term of a sentence is replaced by a blank."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmexam.authoring.generators.sentences.clauses import is_term
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.styles.numbers import BLANK
from llmexam.authoring.generators.sentences.styles.terms import term_drafts
from llmexam.authoring.generators.sentences.terms import Term, buckets
from llmexam.authoring.generators.sentences.words import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    PLURAL_VERBS,
    PREPOSITIONS,
    SINGULAR_VERBS,
    content_stems,
    is_plural,
)

_BEFORE = DETERMINERS - {"this", "these", "those", "that"} | PREPOSITIONS | {"called", "and", "or"}
_AFTER = PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | SINGULAR_VERBS
_TOKEN = re.compile(r"[^ ]+")
_MOST_BLANKS = 2
# How strongly the words of the sentence must point to the term.
_LEAST_FIT = 0.4
# Terms that occur in texts on every subject fit into too many sentences.
_LEAST_FOCUS = 0.45
_LEAST_MENTIONS = 3
_LARGEST_SHARE = 0.015


def write_blank(task: Task) -> Iterator[Draft]:
    """Yield cloze questions for the terms of a sentence, the best-supported first."""
    text = task.sentence.text
    found = []
    for start, end, term in _terms_in(task, text):
        rest = f"{text[:start]}{text[end:]}"
        if set(content_stems(term.text)) & set(content_stems(rest)):
            continue
        fit = float(task.bank.vectors[term.row] @ task.bank.vector(sorted(set(buckets(rest)))))
        if fit >= _LEAST_FIT and _is_specific(task, term):
            found.append((-fit, start, end, term))
    if not found:
        return
    n_yielded = 0
    for _, start, end, term in sorted(found, key=lambda one: one[:2]):
        for draft in _blank(task, text, start, end, term):
            n_yielded += 1
            yield draft
        if n_yielded >= _MOST_BLANKS:
            return


def _is_specific(task: Task, term: Term) -> bool:
    """Return whether a term belongs to one subject and is not in every other passage."""
    most = max(30, _LARGEST_SHARE * len(task.bank.passages))
    return term.focus >= _LEAST_FOCUS and _LEAST_MENTIONS <= len(term.mentions) <= most


def _blank(task: Task, text: str, start: int, end: int, term: Term) -> Iterator[Draft]:
    before = re.sub(r"\b([Aa])n? $", r"\1(n) ", text[:start])
    prompt = f"Which term completes the statement “{before}{BLANK}{text[end:]}”?"
    answer = text[start:end]
    yield from term_drafts(task, "cloze", prompt, answer, is_plural(answer))


def _terms_in(task: Task, text: str) -> Iterator[tuple[int, int, Term]]:
    """Yield terms of the corpus that are a whole noun phrase of a text, not at its start."""
    tokens = [(one.start(), one.end()) for one in _TOKEN.finditer(text)]
    words = [text[start:end] for start, end in tokens]
    for first in range(2, len(words)):
        if words[first - 1].lower() not in _BEFORE and words[first - 1].lower() not in _LINKING:
            continue
        for length in range(4, 0, -1):
            last = first + length - 1
            if last >= len(words) or any("," in one for one in words[first:last]):
                continue
            start, end = tokens[first][0], tokens[last][1]
            bare = text[start:end].rstrip(".,")
            term = task.bank.terms.get(bare.lower())
            if term is None or term.text != bare or not is_term(bare.split(" ")):
                continue
            closed = end - len(text[start:end]) + len(bare) < end or last == len(words) - 1
            if closed or words[last + 1].lower() in _AFTER:
                yield start, start + len(bare), term
                break


_LINKING = PLURAL_VERBS | SINGULAR_VERBS
