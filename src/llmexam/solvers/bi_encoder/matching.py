"""How well the evidence matches each option, by vectors of texts and of tokens.

The token part is late interaction (ColBERT, arXiv 2004.12832): each token of the option looks
for its best match among the tokens of the evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from llmexam.lm.embedding import TokenVectors

FEATURES = ("aligned", "best_sentence", "similarity")

# A token that all options share tells nothing; one that a single option has tells most.
_RARITY_POWER = 3.0
# Between the mean similarity of all sentences (0) and the largest (infinity).
_SHARPNESS = 15.0


@dataclass(frozen=True, slots=True)
class Match:
    """What the evidence says about the options of one question.

    Attributes:
        features: In the order of `FEATURES`, shape `[n_options, n_features]`.
        sentence_support: How well each sentence alone covers each option's tokens, 0 to 1,
            shape `[n_options, n_sentences]`.
    """

    features: NDArray[np.float64]
    sentence_support: NDArray[np.float64]


def match_options(
    queries: NDArray[np.float32],
    option_tokens: Sequence[TokenVectors],
    sentences: NDArray[np.float32],
    sentence_tokens: Sequence[TokenVectors],
) -> Match:
    """Compare the options of a question with the sentences of its evidence.

    The features: `aligned`, the mean over the option's tokens of the best cosine in all the
    evidence, weighted by how few options have the token; `best_sentence`, the same within the
    one sentence that is best for it; `similarity`, the cosine of prompt + option with the
    sentences, as a smooth maximum: log(mean(exp(15 c))) / 15.

    Args:
        queries: Vectors of prompt + option, shape `[n_options, dim]`.
        option_tokens: Tokens of the options, as read behind the prompt. An option without
            any has 0 for its token features.
        sentences: Vectors of the sentences, shape `[n_sentences, dim]`, at least one.
        sentence_tokens: Their tokens, at least one each.
    """
    evidence = np.concatenate([t.vectors for t in sentence_tokens]).astype(np.float32)
    counts = [len(t.ids) for t in sentence_tokens]
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rarity = _rarity(option_tokens)
    aligned = np.zeros(len(option_tokens))
    support = np.zeros((len(option_tokens), len(sentence_tokens)))
    for i, own in enumerate(option_tokens):
        if len(own.ids) == 0:
            continue
        cosines = own.vectors.astype(np.float32) @ evidence.T
        best = np.maximum.reduceat(cosines, begins, axis=1).astype(np.float64)
        weights = rarity[i] / rarity[i].sum()
        support[i] = weights @ best
        aligned[i] = weights @ best.max(axis=1)
    similarity = _smooth_maximum((queries @ sentences.T).astype(np.float64))
    features = np.stack([aligned, support.max(axis=1), similarity], axis=1)
    return Match(features, np.maximum(support, 0.0))


def _rarity(option_tokens: Sequence[TokenVectors]) -> list[NDArray[np.float64]]:
    """Return the weight of each token: (number of options that have it) ** -3."""
    counts = Counter(token for own in option_tokens for token in set(own.ids.tolist()))
    return [
        np.array([counts[token] for token in own.ids.tolist()], dtype=float) ** -_RARITY_POWER
        for own in option_tokens
    ]


def _smooth_maximum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(mean(exp(15 v))) / 15 over the last axis; between mean and maximum."""
    peak = values.max(axis=-1, keepdims=True)
    spread = np.exp(_SHARPNESS * (values - peak)).mean(axis=-1)
    total: NDArray[np.float64] = peak[..., 0] + np.log(spread) / _SHARPNESS
    return total
