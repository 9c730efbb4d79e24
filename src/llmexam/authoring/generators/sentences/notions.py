"""What a corpus explains: terms beside their explanations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.naming import find_glosses, find_name
from llmexam.authoring.generators.sentences.selection import all_sentences, tells_of_a_person
from llmexam.authoring.generators.sentences.terms import Explained, Statement, explain


@dataclass(frozen=True, slots=True)
class Notion:
    """A term and what explains it."""

    term: str
    meaning: str
    origin: str


def find_notions(text: str, origin: str) -> Iterator[Notion]:
    """Yield the explained terms of a passage."""
    if tells_of_a_person(text) or ("(" not in text and ", a" not in text and ", the" not in text):
        return
    for sentence in all_sentences(text):
        for gloss in find_glosses(sentence.text):
            yield Notion(gloss.term, gloss.meaning, origin)


def explained_terms_of(statements: list[Statement], notions: list[Notion]) -> list[Explained]:
    """Return terms with their explanations: from names, definitions and glosses."""
    found = [explain(one.term, "", one.meaning, one.origin) for one in notions]
    for one in statements:
        name = find_name(one.text)
        if name is not None:
            found.append(explain(name.term, name.article, one.text, one.origin))
        elif one.definition is not None:
            found.append(explain(one.definition.term, "", one.definition.meaning, one.origin))
    return sorted(found, key=lambda one: (one.term.lower(), one.explanation, one.origin))
