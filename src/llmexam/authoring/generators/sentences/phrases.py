"""Find noun phrases by the words around them, and count them over a corpus."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from llmexam.authoring.generators.sentences.clauses import is_term
from llmexam.authoring.generators.sentences.words import (
    AUXILIARIES,
    CONJUNCTIONS,
    FUNCTION_WORDS,
    MODALS,
    PLURAL_VERBS,
    PREPOSITIONS,
    SINGULAR_VERBS,
    is_plural,
)

_TOKEN = re.compile(r"[A-Za-z0-9α-ωΑ-Ω]+(?:[-'’][A-Za-z0-9α-ωΑ-Ω]+)*|[.,;:()?!]")  # noqa: RUF001
_ARTICLES = frozenset(["a", "an", "the"])
_MARKS = frozenset(".,;:()?!")
_OPENERS = (
    PREPOSITIONS - {"to", "as", "like", "than", "out", "up", "off", "down", "near", "over"}
    | _ARTICLES
    | {"called", "and", "or", "many", "most", "some", "several", "these", "each", "no", "all"}
)
_CLOSERS = PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | frozenset(".,;:)(")
_VERB_HEADS = SINGULAR_VERBS - {"forms", "works", "changes"} | frozenset(MODALS)
_USES = {
    "disease": "symptoms of|diagnosis of|treatment of|cases of|case of|patients with|outbreaks of|"
    "outbreak of|prevention of|risk of|individuals with|suffering from|diagnosed with|forms of",
    "pathogen": "infected with|infected by|infection with|infections with|strains of|caused by|"
    "infection by|infections by|exposure to|pathogen of",
    "substance": "concentration of|concentrations of|amount of|amounts of|moles of|solution of|"
    "solutions of|grams of|reacts with|react with|atoms of|molecules of|oxidation of|composed of|"
    "rich in|consists of|consist of|made of|mixture of|soluble in|dissolved in|ions of",
    "quantity": "magnitude of|value of|values of|increase in|decrease in|conservation of|"
    "change in|changes in|units of|proportional to|measurement of|difference in|terms of",
    "body": "orbit of|orbits of|moons of|mass of|diameter of|distance to|"
    "distance from|orbit around|"
    "gravity of|atmosphere of|surface of|radius of|craters on|life on|evolution of",
    "process": "process of|undergo|undergoes|rate of|stages of|stage of|occurs during|occurs by|"
    "mechanism of|mechanisms of|steps of|products of|involved in|during|responsible for",
    "tool": "using|used in|measured with|measured by|detected by|use of|detected with|viewed with",
    "part": "wall of|walls of|inside|membrane of|lining of|infections of|inflammation of|layer of|"
    "tissues of|function of|cells of|structure of|found in|located in|part of|parts of",
}
_USE_OF = {opening: use for use, openings in _USES.items() for opening in openings.split("|")}
_LEAST_USES = 2
_LONGEST = 3
MOST_PHRASES = 1_000_000


def phrases(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the noun phrases of a text, the word before each, and its use or an empty text.

    The use is what the words before a phrase tell about it: "symptoms of" stands before diseases.
    """
    tokens = _TOKEN.findall(text)
    lower = [token.lower() for token in tokens]
    start = 0
    for index in range(len(tokens) + 1):
        if (
            index < len(tokens)
            and lower[index] not in FUNCTION_WORDS
            and lower[index] not in _MARKS
        ):
            continue
        length = index - start
        before = lower[start - 1] if start else "."
        after = lower[index] if index < len(tokens) else "."
        if 1 <= length <= _LONGEST and before in _OPENERS and after in _CLOSERS:
            words = tokens[start:index]
            if words[-1].lower() not in _VERB_HEADS and is_term(words):
                back = start - 2 if before in _ARTICLES else start - 1
                use = _USE_OF.get(lower[back], "") if back >= 0 else ""
                if not use and back >= 1:
                    use = _USE_OF.get(f"{lower[back - 1]} {lower[back]}", "")
                yield " ".join(words), before, use
        start = index + 1


class PhraseCounts:
    """Counts of noun phrases over passages, in bounded memory.

    Attributes:
        n_passages: Number of passages with the phrase.
    """

    def __init__(self) -> None:
        """Start with no phrases."""
        self.n_passages: Counter[str] = Counter()
        self._after_article: Counter[str] = Counter()
        self._uses: Counter[tuple[str, str]] = Counter()

    def add(self, text: str) -> None:
        """Count the phrases of a passage."""
        found = set(phrases(text))
        self.n_passages.update({phrase for phrase, *_ in found})
        self._after_article.update({phrase for phrase, before, _ in found if before in _ARTICLES})
        self._uses.update({(phrase, use) for phrase, _, use in found if use})
        if len(self.n_passages) > MOST_PHRASES:
            # Phrases seen once cannot become terms of a corpus of this size.
            self.n_passages = Counter({key: n for key, n in self.n_passages.items() if n > 1})

    def uses(self, phrase: str) -> set[str]:
        """Return the kinds of a phrase that the words before it tell."""
        return {f"use {use}" for use in _USES if self._uses[phrase, use] >= _LEAST_USES}

    def terms(self) -> list[str]:
        """Return the phrases that are frequent enough to be terms, in alphabetical order."""
        return sorted(
            phrase for phrase, count in self.n_passages.items() if self._kept(phrase, count)
        )

    def article(self, phrase: str) -> str:
        """Return `a` for a phrase that is counted (often after an article), else an empty text."""
        often = self._after_article[phrase] >= 0.4 * self.n_passages[phrase]
        return "a" if often and not is_plural(phrase.split(" ")[-1]) and phrase[0].islower() else ""

    def _kept(self, phrase: str, count: int) -> bool:
        words = phrase.split(" ")
        if words[-1].lower() in PLURAL_VERBS and count < 10:
            return False
        if len(words) > 1:
            head = words[-1]
            is_noun = self._after_article[head] > 0 or self.n_passages[head] > 1
            return count >= 3 and (is_noun or is_plural(head) or not head[0].islower())
        if not phrase[0].islower():
            return count >= 4
        return count >= 6 and (is_plural(phrase) or self._after_article[phrase] >= 2)
