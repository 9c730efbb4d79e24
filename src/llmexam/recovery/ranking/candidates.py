"""Candidates for each row, and features that say how well each explains the pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.consensus import softmax
from llmexam.recovery.embeddings import sharpen
from llmexam.recovery.estimates import EstimateSettings, PromptEstimates
from llmexam.recovery.ranking.bank_search import PromptBank
from llmexam.recovery.ranking.rows import RowViews, StemWeights

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FEATURES = (
    "regression",
    "direct estimate",
    "expected score",
    "expected score, flatter",
    "opening",
    "new words",
    "rewritten text",
    "original text",
    "shared words, weighted",
    "shared words",
    "length",
    "votes of similar rows",
    "rank",
)
_N_LIKELY = 64
_N_VOTES = 24
_FLATTER = 0.4
# Of the candidates, one in so many is a likely prompt; the others are near the expected vector.
_SHARE_LIKELY = 4


@dataclass(frozen=True)
class Candidates:
    """Candidates of rows.

    Attributes:
        places: Their places in the bank, shape `[n_rows, k]`.
        features: What `FEATURES` names, shape `[n_rows, k, n_features]`.
    """

    places: Ints
    features: Floats


class CandidateSearch:
    """Finds candidates in a bank, and describes them.

    Args:
        bank: What to choose from.
        estimates: Estimates of the prompt's vector.
        targets: Unit vectors of the prompts of the training rows, shape `[n_train, dim]`.
        weights: Weights of stems.
        settings: How estimates become probabilities.
        k: Number of candidates a row.
    """

    def __init__(
        self,
        bank: PromptBank,
        estimates: PromptEstimates,
        targets: Floats,
        weights: StemWeights,
        settings: EstimateSettings,
        k: int,
    ) -> None:
        self._bank = bank
        self._estimates = estimates
        self._targets = targets
        self._weights = weights
        self._settings = settings
        self._k = k

    def find(self, rows: RowViews) -> Candidates:
        """Return the candidates of each row, the nearest to the expected vector first."""
        vectors = self._bank.vectors
        parts = self._estimates.parts(rows.similar.whole, rows.added)
        share = np.float32(self._settings.direct)
        query: Floats = (1 - share) * parts[0] + share * parts[1]
        likely = self._bank.search(query, _N_LIKELY)
        scores = np.einsum("ij,ikj->ik", query, vectors[likely])
        shares = softmax(scores, self._settings.temperature)
        expected = np.einsum("ik,ikj->ij", shares, vectors[likely])
        n_likely = max(1, self._k // _SHARE_LIKELY)
        near = self._bank.search(expected, max(1, self._k - n_likely))
        places = np.concatenate([near, likely[:, :n_likely]], axis=1)
        features = np.empty((*places.shape, len(FEATURES)), dtype=np.float32)
        for i, own in enumerate(places):
            found = vectors[own]
            features[i, :, 0] = found @ parts[0][i]
            features[i, :, 1] = found @ parts[1][i]
            features[i, :, 2:4] = _expected_scores(shares[i], vectors[likely[i]], found)
            features[i, :, 4:8] = found @ rows.texts[:, i].T
            features[i, :, 8:10] = self._shared_words(rows.stems[i], own)
            features[i, :, 11] = self._votes(rows.similar.change[i], found)
        features[:, :, 10] = self._bank.lengths[places]
        features[:, :, 12] = np.log1p(np.arange(places.shape[1]))
        return Candidates(places, features)

    def _shared_words(self, stems: frozenset[str], places: Ints) -> Floats:
        found = np.empty((len(places), 2), dtype=np.float32)
        for i, place in enumerate(places):
            own = self._bank.stems[place]
            shared = own & stems
            found[i] = self._weights.total(shared) / (3 + self._weights.total(own)), len(shared)
        return found

    def _votes(self, similar: Floats, found: Floats) -> Floats:
        """Return the expected score of candidates if a similar row's prompt was the true one."""
        n = min(_N_VOTES, len(similar))
        nearest = np.argpartition(-similar, n - 1)[:n]
        weights = np.maximum(similar[nearest], 1e-3) ** 2
        votes: Floats = (weights / weights.sum()) @ sharpen(self._targets[nearest] @ found.T)
        return votes


def _expected_scores(shares: Floats, likely: Floats, found: Floats) -> Floats:
    """Return the expected scores over likely prompts by their shares, and by flatter shares."""
    scores = sharpen(found @ likely.T)
    flat = shares**_FLATTER
    return np.stack([scores @ shares, scores @ (flat / flat.sum())], axis=1)
