"""Choose the sentences of some passages that have most to do with a text.

A small reader sees a few hundred tokens; which of them it sees matters more than how many.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage

_TERM = re.compile(r"\w+")
# Words longer than this lose their ending, so that "scatters" meets "scattering".
_STEM_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        passage: Index of its passage.
        start: Where it begins in the passage's text, in characters.
        end: Where it ends, exclusive.
        text: What it says.
    """

    passage: int
    start: int
    end: int
    text: str


class SentenceSelector:
    """The sentences of some passages, ready to be chosen from many times.

    A sentence scores the sum over the terms it shares with the text of the term's rarity,
    log((n + 1) / df), n being the number of sentences and df how many have it, divided by the
    square root of its length, so that a long sentence is not chosen for its length alone.

    Args:
        passages: Where to choose from. Equal sentences count once.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        seen: dict[str, Sentence] = {}
        for index, passage in enumerate(passages):
            for start, end in split_sentences(passage.text):
                text = passage.text[start:end]
                seen.setdefault(text, Sentence(index, start, end, text))
        self.sentences = list(seen.values())
        self._terms = [_terms(sentence.text) for sentence in self.sentences]
        self._having = Counter(term for terms in self._terms for term in terms)

    def choose(self, *texts: str, n: int) -> list[Sentence]:
        """Return the n best sentences for some texts, in the order of the passages.

        Args:
            texts: Each adds its score; give prompt and option apart, so that neither drowns
                the other.
            n: How many at most; ties go to the earlier sentence.
        """
        score = self.weigh(*texts)
        best = sorted(range(len(score)), key=lambda i: -score[i])[:n]
        return [self.sentences[i] for i in sorted(best)]

    def weigh(self, *texts: str) -> list[float]:
        """Return each sentence's score: 0 to 1 for each text, in the order of `sentences`."""
        score = [0.0] * len(self.sentences)
        for text in texts:
            own = self._score(_terms(text))
            peak = max(own, default=0.0) or 1.0
            score = [a + b / peak for a, b in zip(score, own, strict=True)]
        return score

    def _score(self, wanted: frozenset[str]) -> list[float]:
        n = len(self.sentences)
        rarity = {
            term: math.log((n + 1) / self._having[term]) for term in wanted & self._having.keys()
        }
        return [
            math.fsum(rarity[term] for term in terms & rarity.keys()) / math.sqrt(len(terms) + 1)
            for terms in self._terms
        ]


def _terms(text: str) -> frozenset[str]:
    return frozenset(term[:_STEM_CHARACTERS] for term in _TERM.findall(text.lower()))
