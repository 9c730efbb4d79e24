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
_OPENERS = (
    PREPOSITIONS - {"to", "as", "like", "than", "out", "up", "off", "down", "near", "over"}
    | _ARTICLES
    | {"called", "and", "or", "many", "most", "some", "several", "these", "each", "no", "all"}
)
_CLOSERS = PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | frozenset(".,;:)(")
_VERB_HEADS = SINGULAR_VERBS - {"forms", "works", "changes"} | frozenset(MODALS)
_LONGEST = 3
MOST_PHRASES = 1_000_000


def phrases(text: str) -> Iterator[tuple[str, str]]:
    """Yield the noun phrases of a text with the word before them, in lower case."""
    tokens = _TOKEN.findall(text)
    lower = [token.lower() for token in tokens]
    start = 0
    for index in range(len(tokens) + 1):
        if index < len(tokens) and lower[index] not in FUNCTION_WORDS and tokens[index].isalnum():
            continue
        if index < len(tokens) and "-" in tokens[index] or (index < len(tokens) and "’" in tokens[index]):  # noqa: RUF001
            continue
        length = index - start
        before = lower[start - 1] if start else "."
        after = lower[index] if index < len(tokens) else "."
        if 1 <= length <= _LONGEST and before in _OPENERS and after in _CLOSERS:
            words = tokens[start:index]
            if words[-1].lower() not in _VERB_HEADS and is_term(words):
                yield " ".join(words), before
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

    def add(self, text: str) -> None:
        """Count the phrases of a passage."""
        found = set(phrases(text))
        self.n_passages.update({phrase for phrase, _ in found})
        self._after_article.update({phrase for phrase, before in found if before in _ARTICLES})
        if len(self.n_passages) > MOST_PHRASES:
            # Phrases seen once cannot become terms of a corpus of this size.
            self.n_passages = Counter({key: n for key, n in self.n_passages.items() if n > 1})

    def terms(self) -> list[str]:
        """Return the phrases that are frequent enough to be terms, in alphabetical order."""
        return sorted(phrase for phrase, count in self.n_passages.items() if self._kept(phrase, count))

    def article(self, phrase: str) -> str:
        """Return `a` for a phrase that is counted (often after an article), else an empty text."""
        often = self._after_article[phrase] >= 0.4 * self.n_passages[phrase]
        return "a" if often and not is_plural(phrase) and phrase[0].islower() else ""

    def _kept(self, phrase: str, count: int) -> bool:
        words = phrase.split(" ")
        if words[-1].lower() in PLURAL_VERBS and count < 10:
            return False
        if len(words) > 1:
            return count >= 3
        if not phrase[0].islower():
            return count >= 4
        return count >= 6 and (is_plural(phrase) or self._after_article[phrase] >= 2)
