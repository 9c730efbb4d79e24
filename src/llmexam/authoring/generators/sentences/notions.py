"""What a corpus explains: terms beside their explanations, and abbreviations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.abbreviations import find_abbreviations
from llmexam.authoring.generators.sentences.naming import find_glosses, find_name
from llmexam.authoring.generators.sentences.selection import all_sentences, tells_of_a_person
from llmexam.authoring.generators.sentences.terms import Explained, Statement, Term, explain


@dataclass(frozen=True, slots=True)
class Notion:
    """A term and what explains it, or an abbreviation and its words, which has no origin."""

    term: str
    meaning: str
    origin: str


def find_notions(text: str, origin: str) -> Iterator[Notion]:
    """Yield the explained terms and the abbreviations of a passage."""
    if tells_of_a_person(text) or ("(" not in text and ", a" not in text and ", the" not in text):
        return
    for sentence in all_sentences(text):
        for gloss in find_glosses(sentence.text):
            yield Notion(gloss.term, gloss.meaning, origin)
        for found in find_abbreviations(sentence.text):
            yield Notion(found.short, " ".join(found.words), "")


def explained_terms_of(statements: list[Statement], notions: list[Notion]) -> list[Explained]:
    """Return terms with their explanations: from names, definitions and glosses."""
    found = [explain(one.term, "", one.meaning, one.origin) for one in notions if one.origin]
    for one in statements:
        name = find_name(one.text)
        if name is not None:
            found.append(explain(name.term, name.article, one.text, one.origin))
        elif one.definition is not None:
            found.append(explain(one.definition.term, "", one.definition.meaning, one.origin))
    return sorted(found, key=lambda one: (one.term.lower(), one.explanation, one.origin))


def expansions_of(notions: list[Notion], lower_case: frozenset[str]) -> dict[str, list[str]]:
    """Return the words of the abbreviations that the corpus uses for one thing only."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in notions:
        if not one.origin:
            found[one.term].add(one.meaning.lower())
    return {
        short: [word for word in min(own).split(" ") if word in lower_case]
        for short, own in sorted(found.items())
        if len({one.removesuffix("s") for one in own}) == 1
    }


def words_of_terms(terms: dict[str, Term]) -> list[list[str]]:
    """Return the words of terms of several words that are no names."""
    return [
        term.text.split(" ")
        for term in terms.values()
        if " " in term.text and term.text.islower() and len(term.mentions) > 1
    ]
