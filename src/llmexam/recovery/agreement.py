"""Agreement of several recoverers: the candidate that all of them together expect most of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb, inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.combining import Answers, Combiner
from llmexam.recovery.consensus import best_first, first_best
from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.recoverer import Candidate, Recovery
from llmexam.recovery.wording import is_blank

Floats = NDArray[np.float32]

_N_SHOWN = 8
_MOST_WEIGHTS = 300
# Rows whose similarity matrices are held at a time.
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Mixture:
    """Parameters of `Agreement`.

    Attributes:
        weights: Weight of each member; they add up to 1.
        temperature: Candidates of one member are weighted by a softmax of their scores with this
            temperature; infinite weights all alike. With 0 only answers count and are chosen.
        trust: Power of a member's confidence in a row that its weight is multiplied by; 0 ignores
            confidence.
    """

    weights: tuple[float, ...]
    temperature: float = inf
    trust: float = 0.0


class Agreement(Combiner):
    """Chooses the candidate with the best weighted expected score over all candidates.

    This is minimum Bayes risk decoding (Kumar and Byrne, 2004), over a mixture of the members.

    Attributes:
        mixture: The parameters; equal weights before `fit`.
    """

    mixture: Mixture | None = None
    _TEMPERATURES: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.05, inf)
    _TRUSTS: ClassVar[tuple[float, ...]] = (0.0, 1.0, 2.0)

    def fit(self, answers: Answers, prompts: Sequence[str]) -> None:
        """Choose weights, temperature and trust from a grid."""
        options = [
            Mixture(weights, temperature, trust)
            for temperature in self._TEMPERATURES
            for trust in self._TRUSTS
            for weights in simplex_grid(len(answers))
        ]
        totals = np.zeros(len(options))
        truth = self.vectors.encode(prompts)
        for rows in _parts(len(prompts)):
            table = _Table([member[rows] for member in answers], self.vectors)
            rewards = table.rewards(truth[rows])
            for number, option in enumerate(options):
                best = first_best(table.expected(option))
                totals[number] += rewards[np.arange(len(best)), best].sum()
        # The first of equal ones, so that weights do not depend on rounding.
        means = totals / max(len(prompts), 1)
        self.mixture = options[int(first_best(means[None])[0])]

    def combine(self, answers: Answers) -> list[Recovery]:
        """Return the candidate with the best expected score for each row."""
        n = len(answers)
        mixture = self.mixture or Mixture((1 / n,) * n)
        found: list[Recovery] = []
        for rows in _parts(len(answers[0])):
            table = _Table([member[rows] for member in answers], self.vectors)
            for texts, scores in zip(table.texts, table.expected(mixture), strict=True):
                order = best_first(scores[: len(texts)])[:_N_SHOWN]
                candidates = tuple(
                    Candidate(texts[i], float(scores[i])) for i in order if scores[i] > -inf
                )
                found.append(Recovery(candidates[0].text, candidates, candidates[0].score))
        return found


class _Table:
    """The distinct candidates of a few rows, and how similar they are to each other."""

    def __init__(self, answers: Answers, vectors: TextVectors) -> None:
        n_rows = len(answers[0])
        self.texts: list[list[str]] = []
        places: list[list[NDArray[np.int64]]] = []
        for row in range(n_rows):
            place: dict[str, int] = {}
            places.append(
                [
                    np.array([place.setdefault(text, len(place)) for text, _ in _likely(own[row])])
                    for own in answers
                ]
            )
            self.texts.append(list(place))
        width = max(map(len, self.texts), default=1)
        self._vectors = np.zeros((n_rows, width, vectors.embedder.dim), dtype=np.float32)
        encoded = vectors.encode([text for texts in self.texts for text in texts])
        start = 0
        for row, texts in enumerate(self.texts):
            self._vectors[row, : len(texts)] = encoded[start : start + len(texts)]
            start += len(texts)
        # einsum adds up each row on its own, whatever the number of rows.
        similar = np.einsum("nid,njd->nij", self._vectors, self._vectors)
        self._similar = sharpen(similar)
        self._is_padding = np.array(
            [[i >= len(texts) for i in range(width)] for texts in self.texts], dtype=bool
        ).reshape(n_rows, width)
        # Places of the answers themselves, shape `[n_members, n_rows]`.
        self._answer_places = np.array(
            [[self.texts[row].index(one.text) for row, one in enumerate(own)] for own in answers],
            dtype=np.int64,
        )
        self._is_no_answer = np.ones((n_rows, width), dtype=bool)
        self._is_no_answer[np.arange(n_rows), self._answer_places] = False
        self._places = places
        self._answers = answers
        self._by_temperature: dict[float, Floats] = {}

    def rewards(self, truth: Floats) -> Floats:
        """Return the score of each candidate, shape `[n_rows, n_candidates]`."""
        found: Floats = sharpen(np.einsum("nid,nd->ni", self._vectors, truth))
        return found

    def expected(self, mixture: Mixture) -> Floats:
        """Return the expected score of each candidate; padding is minus infinity."""
        own = self._expected_by_member(mixture.temperature)
        weights = np.array(mixture.weights, dtype=np.float32)[:, None]
        if mixture.trust:
            weights = weights * self._confidences() ** np.float32(mixture.trust)
        weights = np.broadcast_to(weights, own.shape[:2])
        total = np.maximum(weights.sum(axis=0), 1e-9)
        scores: Floats = np.einsum("mn,mni->ni", weights / total, own)
        scores[self._is_padding if mixture.temperature else self._is_no_answer] = -np.inf
        return scores

    def _expected_by_member(self, temperature: float) -> Floats:
        """Return expected scores over one member's candidates, `[n_members, n_rows, width]`."""
        if temperature not in self._by_temperature:
            shape = (len(self._answers), *self._is_padding.shape)
            probabilities = np.zeros(shape, dtype=np.float32)
            for member, answers in enumerate(self._answers):
                for row, recovery in enumerate(answers):
                    if not temperature:
                        probabilities[member, row, self._answer_places[member, row]] = 1
                        continue
                    places = self._places[row][member]
                    scores = np.array([score for _, score in _likely(recovery)])
                    shares = np.exp((scores - scores.max()) / temperature)
                    np.add.at(probabilities[member, row], places, shares / shares.sum())
            self._by_temperature[temperature] = np.einsum(
                "nij,mnj->mni", self._similar, probabilities
            )
        return self._by_temperature[temperature]

    def _confidences(self) -> Floats:
        found = [[one.confidence for one in member] for member in self._answers]
        values = np.array(found, dtype=np.float32)
        # A member without an estimate has no say where confidence counts, unless none has one.
        return np.where(np.isnan(values), np.float32(1e-6), np.maximum(values, 1e-6))


def simplex_grid(n: int) -> list[tuple[float, ...]]:
    """Return evenly spaced weights of n members that add up to 1, at most some hundreds.

    >>> simplex_grid(1), len(simplex_grid(2)), len(simplex_grid(3))
    ([(1.0,)], 11, 66)
    """
    steps = next((s for s in (10, 8, 6, 5, 4, 3, 2) if comb(s + n - 1, n - 1) <= _MOST_WEIGHTS), 1)
    found = []
    for bars in combinations(range(steps + n - 1), n - 1):
        edges = (-1, *bars, steps + n - 1)
        found.append(tuple((b - a - 1) / steps for a, b in pairwise(edges)))
    return found


def _likely(recovery: Recovery) -> list[tuple[str, float]]:
    """Return a member's candidates with their scores, its answer among them.

    An answer that is no candidate, such as one with added words, has the best one's score.
    """
    found = [(one.text, one.score) for one in recovery.candidates if not is_blank(one.text)]
    if all(text != recovery.text for text, _ in found):
        found.insert(0, (recovery.text, max((score for _, score in found), default=0.0)))
    return found


def _parts(n: int) -> Iterator[slice]:
    for start in range(0, n, _ROWS):
        yield slice(start, start + _ROWS)
