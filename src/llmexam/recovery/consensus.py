"""Consensus decoding: the candidate with the best expected score over the likely prompts.

The most likely prompt is not the one that scores best: a prompt between several likely ones earns
more on average (minimum Bayes risk decoding; Kumar and Byrne, 2004).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.recoverer import Candidate, Recovery

Floats = NDArray[np.float32]
_N_SHOWN = 8
# Scores that differ by less are equal but for rounding.
_EQUAL = 1e-6


def softmax(values: Floats, temperature: float) -> Floats:
    """Return the softmax of each row of values divided by a temperature."""
    scaled = (values - values.max(axis=1, keepdims=True)) / temperature
    weights: Floats = np.exp(scaled, dtype=np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def best_first(scores: Sequence[float] | Floats) -> NDArray[np.int64]:
    """Return the places of scores, highest first; nearly equal ones keep their order.

    Scores that differ by less than 1e-6 count as equal: sums in fp32 differ by that from processor
    to processor, and with the other texts of a batch, so they must not decide a tie.

    >>> best_first([0.5, 0.7, 0.70000001]).tolist()
    [1, 2, 0]
    """
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    with np.errstate(invalid="ignore"):
        # Two that are minus infinity differ by NaN, which is no step.
        steps = -np.diff(values[order]) >= _EQUAL
    level = np.concatenate([[0], np.cumsum(steps)])[: len(order)]
    found: NDArray[np.int64] = order[np.lexsort((order, level))]
    return found


def first_best(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the place of the best score in each row: the first of nearly equal ones.

    >>> first_best(np.array([[0.5, 0.7, 0.70000001]], dtype=np.float32)).tolist()
    [1]
    """
    best = scores.max(axis=1, keepdims=True)
    found: NDArray[np.int64] = (scores >= best - _EQUAL).argmax(axis=1)
    return found


def agree(answers: Sequence[str], vectors: TextVectors) -> Recovery:
    """Return the answer with the highest mean sharpened cosine to all answers.

    That mean is its confidence; a single answer has none.

    Args:
        answers: Several answers for one row, at least 1; an answer that is given twice counts
            twice.
        vectors: The embedder of the score.
    """
    if len(answers) == 1:
        return Recovery(answers[0])
    unique = list(dict.fromkeys(answers))
    if len(unique) == 1:
        # Nothing to embed: the mean similarity of equal answers is 1.
        return best_of(unique, [1.0], is_expected=True)
    cosines = vectors.encode(unique) @ vectors.encode(answers).T
    return best_of(unique, sharpen(cosines).mean(axis=1).tolist(), is_expected=True)


def best_of(texts: Sequence[str], scores: Sequence[float], *, is_expected: bool) -> Recovery:
    """Return the text with the highest score, and all texts as candidates, best first.

    Args:
        texts: Distinct texts.
        scores: The score of each, higher is better.
        is_expected: Whether scores are expected sharpened cosines, and so a confidence.
    """
    order = best_first(scores)
    candidates = tuple(Candidate(texts[i], float(scores[i])) for i in order)
    confidence = candidates[0].score if is_expected else float("nan")
    return Recovery(candidates[0].text, candidates, confidence)


class Decoder:
    """Turns probabilities of known prompts into one text.

    Args:
        prompts: The known prompts, distinct.
        vectors: The embedder of the score.
        n_likely: Prompts that an expectation is taken over: the most probable ones.
        n_candidates: Candidates whose expectation is computed: those nearest to the expected
            vector.

    Attributes:
        n_prompts: Number of known prompts.
        prompt_vectors: Their unit vectors, shape `[n_prompts, dim]`.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        vectors: TextVectors,
        *,
        n_likely: int = 64,
        n_candidates: int = 256,
    ) -> None:
        self.n_prompts = len(prompts)
        self.prompt_vectors = vectors.encode(prompts)
        self._texts = prompts
        self._n_likely = n_likely
        self._n_candidates = n_candidates

    def decode(self, probabilities: Floats, *, consensus: bool = True) -> list[Recovery]:
        """Return a recovery for each row of probabilities, shape `[n_rows, n_prompts]`.

        Args:
            probabilities: How likely each known prompt is; rows add up to 1.
            consensus: Choose by expected score; else the most likely known prompt.
        """
        means = probabilities @ self.prompt_vectors
        near = means @ self.prompt_vectors.T
        found = []
        for row, own in zip(near, probabilities, strict=True):
            likely = _largest(own, self._n_likely)
            weights = own[likely] / own[likely].sum()
            places = _largest(row, self._n_candidates) if consensus else likely
            scores = weights @ sharpen(self.prompt_vectors[likely] @ self.prompt_vectors[places].T)
            # Probabilities are not rounded: those of rare prompts differ beyond six decimals.
            order = best_first(scores) if consensus else np.argsort(-own[places], kind="stable")
            found.append(
                Recovery(
                    self._texts[places[order[0]]],
                    tuple(
                        Candidate(self._texts[places[i]], float(scores[i]))
                        for i in order[:_N_SHOWN]
                    ),
                    confidence=float(scores[order[0]]),
                )
            )
        return found


def _largest(values: Floats, n: int) -> NDArray[np.int64]:
    """Return the places of the n largest values, largest first; equal ones in their order."""
    everything = np.arange(len(values))
    places = np.sort(np.argpartition(-values, n)[:n]) if n < len(values) else everything
    order: NDArray[np.int64] = places[np.argsort(-values[places], kind="stable")]
    return order
