"""Features of lexical overlap between options and evidence, between 0 and about 1.

Coverage of n-grams of one to five terms, proximity to the prompt's terms, the longest shared
run, and the best single sentence. Terms that few options contain have more weight, because
they discriminate; stop words have little weight but connect longer n-grams.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.question import Question
from llmexam.exam.segmentation import Singles, single_characters
from llmexam.solvers.lexical.analysis import stop_terms, terms_of
from llmexam.solvers.lexical.evidence import (
    Sentence,
    proximity,
    read_evidence,
    relevance,
    term_weights,
)

MAX_N = 5
FEATURES = ("coverage", "nearness", "mass", "run", "best_sentence")

Gram = tuple[str, ...]


class OptionEvidence:
    """The features of a question's options, and the support by each sentence.

    Args:
        question: The question, with its passages.
        stop_weight: Weight of a stop word; other words have 1.
        floor: Weight of a match in a sentence without terms of the prompt, 0 to 1; it is 1 in
            the most relevant sentence.
        reach: Distance, in terms, over which proximity to the prompt decays by a factor e.
        rank_decay: Decay of passages' weights by rank: 1 / (1 + rank_decay * rank).

    Attributes:
        features: Shape `[n_options, 5]`, columns as in `FEATURES`.
        sentences: The sentences of the evidence.
        sentence_support: Shape `[n_options, n_sentences]`: coverage of the option's n-grams by
            each sentence, times its relevance.
    """

    def __init__(
        self,
        question: Question,
        *,
        stop_weight: float,
        floor: float,
        reach: float,
        rank_decay: float,
    ) -> None:
        self.options = [terms_of(option) for option in question.options]
        self._prompt = set(terms_of(question.prompt)) - stop_terms()
        characters = single_characters("\n".join(question.options))
        singles = Singles(characters, frozenset(self._prompt)) if characters else None
        self.sentences = read_evidence(question.passages, singles)
        self._weights = self._option_weights(stop_weight)
        prompt_weights = term_weights(self.sentences, self._prompt)
        by_rank = 1 / (1 + rank_decay * np.array([s.passage for s in self.sentences], float))
        by_prompt = relevance(self.sentences, prompt_weights)
        self._relevance = floor + (1 - floor) * by_prompt * by_rank
        self._grams = [
            {option_gram for option in self.options for option_gram in grams(option, n)}
            for n in range(1, MAX_N + 1)
        ]
        self._found = find_grams(self.sentences, self._grams)
        self._n_terms = sum(len(sentence.terms) for sentence in self.sentences)
        self._nearest, self._places = self._locate(prompt_weights, reach)
        self.sentence_support = np.zeros((len(self.options), len(self.sentences)))
        self.features = np.array(
            [self._describe(i, option) for i, option in enumerate(self.options)]
        ).reshape(len(self.options), len(FEATURES))

    def _option_weights(self, stop_weight: float) -> dict[str, float]:
        n_having = Counter(term for option in self.options for term in set(option))
        return {
            term: (stop_weight if term in stop_terms() else 1.0)
            * (1 + math.log(len(self.options) / count))
            for term, count in n_having.items()
        }

    def _locate(
        self, prompt_weights: dict[str, float], reach: float
    ) -> tuple[dict[str, float], dict[str, NDArray[np.int64]]]:
        """Return the maximum proximity and the positions of each term of the options."""
        near = proximity(self.sentences, prompt_weights, reach)
        nearest: dict[str, float] = {}
        places: dict[str, list[int]] = {}
        for place, term in enumerate(term for s in self.sentences for term in s.terms):
            if term in self._weights:
                places.setdefault(term, []).append(place)
                nearest[term] = max(nearest.get(term, 0.0), float(near[place]))
        return nearest, {term: np.array(where, np.int64) for term, where in places.items()}

    def _describe(self, index: int, option: Sequence[str]) -> list[float]:
        coverage = self._coverage(index, option)
        # Terms that the option repeats from the prompt are no evidence for it.
        own = set(option) - self._prompt or set(option)
        mass = math.fsum(self._weights[t] * self._nearest.get(t, 0.0) for t in own)
        total = math.fsum(self._weights[t] for t in own)
        return [
            coverage,
            mass / total if total else 0.0,
            math.log1p(mass),
            math.log1p(self._longest_run(option)),
            float(self.sentence_support[index].max(initial=0.0)),
        ]

    def _coverage(self, index: int, option: Sequence[str]) -> float:
        """Return the mean weighted coverage over n; also fills `sentence_support`."""
        shares = [0.0]
        for n in range(1, MAX_N + 1):
            weights = {g: sum(self._weights[t] for t in g) / n for g in grams(option, n)}
            total = math.fsum(weights.values())
            if not total:
                # Options of fewer than n terms get the coverage of their longest n-grams.
                shares.append(shares[-1] / 2)
                continue
            share = 0.0
            for gram, weight in weights.items():
                where = self._found[n - 1].get(gram)
                if where is not None:
                    self.sentence_support[index, where] += weight / total / MAX_N
                    share += weight / total * float(self._relevance[where].max())
            shares.append(share)
        self.sentence_support[index] *= self._relevance
        return sum(shares[1:]) / MAX_N

    def _longest_run(self, option: Sequence[str]) -> float:
        """Return the largest weight of a run of terms that option and evidence share."""
        heaviest = 0.0
        # Weight of the run that ends before each place of the evidence.
        runs = np.zeros(self._n_terms + 1)
        for term in option:
            longer = np.zeros_like(runs)
            where = self._places.get(term)
            if where is not None:
                ends = runs[where] + self._weights[term]
                longer[where + 1] = ends
                heaviest = max(heaviest, float(ends.max()))
            runs = longer
        return heaviest


def grams(terms: Sequence[str], n: int) -> list[Gram]:
    """Return the n-grams of a sequence of terms, in order.

    >>> grams(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(terms[i : i + n]) for i in range(len(terms) - n + 1)]


def find_grams(
    sentences: Sequence[Sentence], wanted: Sequence[set[Gram]]
) -> list[dict[Gram, NDArray[np.int64]]]:
    """Return the sentences that contain each of the wanted n-grams.

    Args:
        sentences: The sentences to search.
        wanted: For n = 1, 2, ... the n-grams to search for; every prefix of a wanted n-gram must
            be wanted too, which holds for all n-grams of a text.

    Returns:
        For each n, n-gram to the indices of the sentences that contain it, ascending.
    """
    found: list[dict[Gram, dict[int, None]]] = [{} for _ in wanted]
    for index, sentence in enumerate(sentences):
        terms = sentence.terms
        for start in range(len(terms)):
            for n in range(1, min(len(wanted), len(terms) - start) + 1):
                gram = terms[start : start + n]
                if gram not in wanted[n - 1]:
                    break
                found[n - 1].setdefault(gram, {})[index] = None
    return [
        {gram: np.fromiter(where, dtype=np.int64) for gram, where in table.items()}
        for table in found
    ]
