"""Evidence of one question as sentences of terms, with relevance to the prompt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage
from llmexam.exam.segmentation import Singles
from llmexam.solvers.lexical.analysis import terms_of


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    Attributes:
        passage: Index of its passage.
        start: Start in the passage's text, in characters.
        end: End, exclusive; a title has start == end.
        terms: Its terms, in order.
    """

    passage: int
    start: int
    end: int
    terms: tuple[str, ...]


# Cached: several questions of an exam share passages, and several solvers read them.
@lru_cache(maxsize=4096)
def _analysed(text: str, singles: Singles | None) -> tuple[tuple[int, int, tuple[str, ...]], ...]:
    return tuple(
        (start, end, tuple(terms_of(text[start:end], singles)))
        for start, end in split_sentences(text)
    )


def read_evidence(passages: Sequence[Passage], singles: Singles | None = None) -> list[Sentence]:
    """Return all sentences with terms; titles count as sentences.

    Args:
        passages: The passages.
        singles: Words of one character in scripts without spaces that are searched for.
    """
    sentences = []
    for index, passage in enumerate(passages):
        if passage.title:
            sentences.append(Sentence(index, 0, 0, tuple(terms_of(passage.title, singles))))
        sentences.extend(Sentence(index, *parts) for parts in _analysed(passage.text, singles))
    return [sentence for sentence in sentences if sentence.terms]


def term_weights(sentences: Sequence[Sentence], terms: set[str]) -> dict[str, float]:
    """Return the inverse document frequency of terms over sentences, by BM25's formula.

    log(1 + (N - n + 0.5) / (n + 0.5)), with N sentences of which n contain the term
    (Robertson and Zaragoza, 2009).
    """
    counts = Counter(term for sentence in sentences for term in terms.intersection(sentence.terms))
    n_all = len(sentences)
    return {t: math.log1p((n_all - counts[t] + 0.5) / (counts[t] + 0.5)) for t in terms}


def relevance(sentences: Sequence[Sentence], weights: dict[str, float]) -> NDArray[np.float64]:
    """Return each sentence's weighted overlap with the prompt, shape `[n_sentences]`, maximum 1.

    All 0 if no sentence contains a term of the prompt.
    """
    # Exactly rounded sums: the order of a set differs from process to process.
    mass = np.array(
        [math.fsum(weights[t] for t in weights.keys() & set(s.terms)) for s in sentences],
        dtype=float,
    )
    largest = max(float(mass.max(initial=0.0)), 1e-9)
    return mass / largest


def proximity(
    sentences: Sequence[Sentence], weights: dict[str, float], reach: float
) -> NDArray[np.float64]:
    """Return the proximity of each position in the evidence to terms of the prompt.

    Each occurrence of a prompt term contributes its weight, which decays by a factor e every
    `reach` terms; contributions add up.

    Args:
        sentences: The evidence, treated as one sequence of terms.
        weights: Weight of each term of the prompt.
        reach: Distance in terms over which proximity decays by a factor e.

    Returns:
        Shape `[n_terms]`, over the terms of all sentences in order; maximum 1.
    """
    sources = np.array([weights.get(t, 0.0) for s in sentences for t in s.terms], dtype=float)
    if not sources.any():
        return sources
    radius = math.ceil(3 * reach)
    kernel = np.exp(-np.abs(np.arange(-radius, radius + 1)) / reach)
    near = np.convolve(sources, kernel)[radius : radius + len(sources)]
    return near / float(near.max())
