"""Match of evidence and options, by text embeddings and token embeddings.

The token part is late interaction (ColBERT, arXiv 2004.12832): the maximum cosine similarity of
each option token over the tokens of the evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from llmexam.lm.encoding.embedding import TokenVectors

FEATURES = ("support", "similarity")

# Exponent of the token weights: tokens that few options share discriminate best.
_RARITY_POWER = 3.0
# Sharpness of the smooth maximum over sentences; infinity would be the maximum.
_SUPPORT_SHARPNESS = 20.0
_SIMILARITY_SHARPNESS = 30.0


@dataclass(frozen=True, slots=True)
class Match:
    """Match of the evidence with the options of one question.

    Attributes:
        features: In the order of `FEATURES`, shape `[n_options, n_features]`.
        sentence_support: Support of each option by each sentence, 0 or more, shape
            `[n_options, n_sentences]`.
        best_cover: Coverage of the option's tokens by the best sentence, -1 to 1, shape
            `[n_options]`.
    """

    features: NDArray[np.float64]
    sentence_support: NDArray[np.float64]
    best_cover: NDArray[np.float64]


def match_options(
    prompt: NDArray[np.float32],
    queries: NDArray[np.float32],
    option_tokens: Sequence[TokenVectors],
    sentences: NDArray[np.float32],
    sentence_tokens: Sequence[TokenVectors],
    *,
    relevance: float = 1.0,
) -> Match:
    """Return the match of a question's options with the sentences of its evidence.

    A sentence supports an option by its coverage of the option's tokens (their mean maximum
    cosine with the sentence's tokens, weighted by rarity among the options) and by its cosine
    with the prompt: in much evidence, words of a wrong option occur somewhere too.

    The features are smooth maxima over the sentences, log(mean(exp(s x))) / s: `support` of the
    above with s = 20, `similarity` of the cosine with prompt + option with s = 30.

    Args:
        prompt: Vector of the prompt, shape `[dim]`.
        queries: Vectors of prompt + option, shape `[n_options, dim]`.
        option_tokens: Tokens of the options, encoded after the prompt. The coverage of an
            option without tokens is 0.
        sentences: Vectors of the sentences, shape `[n_sentences, dim]`, at least one.
        sentence_tokens: Their tokens, at least one each.
        relevance: Weight of the cosine of prompt and sentence, added to the coverage.
    """
    evidence = np.concatenate([t.vectors for t in sentence_tokens]).astype(np.float32)
    counts = [len(t.ids) for t in sentence_tokens]
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rarity = _rarity(option_tokens)
    cover = np.zeros((len(option_tokens), len(sentence_tokens)))
    for i, own in enumerate(option_tokens):
        if len(own.ids):
            cosines = own.vectors.astype(np.float32) @ evidence.T
            best = np.maximum.reduceat(cosines, begins, axis=1).astype(np.float64)
            cover[i] = rarity[i] @ best / rarity[i].sum()
    support = cover + relevance * (sentences @ prompt).astype(np.float64)
    similarity = (queries @ sentences.T).astype(np.float64)
    features = np.stack(
        [
            _smooth_maximum(support, _SUPPORT_SHARPNESS),
            _smooth_maximum(similarity, _SIMILARITY_SHARPNESS),
        ],
        axis=1,
    )
    return Match(features, np.maximum(support, 0.0), cover.max(axis=1))


def _rarity(option_tokens: Sequence[TokenVectors]) -> list[NDArray[np.float64]]:
    """Return the weight of each token: (number of options that contain it) ** -3."""
    counts = Counter(token for own in option_tokens for token in set(own.ids.tolist()))
    return [
        np.array([counts[token] for token in own.ids.tolist()], dtype=float) ** -_RARITY_POWER
        for own in option_tokens
    ]


def _smooth_maximum(values: NDArray[np.float64], sharpness: float) -> NDArray[np.float64]:
    """Return log(mean(exp(s x))) / s over the last axis; between mean and maximum."""
    peak = values.max(axis=-1, keepdims=True)
    spread = np.exp(sharpness * (values - peak)).mean(axis=-1)
    total: NDArray[np.float64] = peak[..., 0] + np.log(spread) / sharpness
    return total
