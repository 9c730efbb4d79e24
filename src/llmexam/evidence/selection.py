"""Select the sentences of passages that share the most informative terms with a text.

A small model reads a few hundred tokens; which ones matters more than how many.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage
from llmexam.exam.segmentation import segmented, sized_words

_TERM = re.compile(r"\w+")
# Words are cut to this length as a crude stemmer, so that "scatters" matches "scattering".
_STEM_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        passage: Index of its passage.
        start: Start in the passage's text, in characters.
        end: End, exclusive.
        text: The text of the sentence.
    """

    passage: int
    start: int
    end: int
    text: str


class SentenceSelector:
    """Selects sentences from fixed passages for any number of texts.

    The score of a sentence is the sum of log((n + 1) / df) over the terms it shares with the
    text, where n is the number of sentences and df the number that contain the term, divided by
    the square root of the sentence's length, which reduces the advantage of long sentences.

    Args:
        passages: The passages. Equal sentences count once.
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
        """Return the n best sentences for texts, in the order of the passages.

        Args:
            texts: Scores for several texts are added; pass question text and option separately,
                so that the longer one does not dominate.
            n: Maximum number; ties go to the earlier sentence.
        """
        score = self.weigh(*texts)
        best = sorted(range(len(score)), key=lambda i: -score[i])[:n]
        return [self.sentences[i] for i in sorted(best)]

    def weigh(self, *texts: str) -> list[float]:
        """Return each sentence's score, 0 to 1 per text, in the order of `sentences`."""
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
    if sized_words(text) is not None:
        text = segmented(text)
    return frozenset(term[:_STEM_CHARACTERS] for term in _TERM.findall(text.lower()))
