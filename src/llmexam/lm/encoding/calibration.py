"""Calibration sequences for int8: passages of the bundled sample corpus, alone and in pairs."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from llmexam.sample import CORPUS_PATH

Sequences = list[tuple[list[int], list[int]]]
"""Token ids and types of each sequence."""

_N_SINGLE, _N_PAIRS = 64, 32


def calibration_sequences(tokenizer: Any, max_tokens: int) -> Sequences:
    """Return sequences of a fixed choice of texts, so that int8 depends on the model alone.

    Pairs are included, because readers see a second token type.

    Args:
        tokenizer: The model's tokenizer.
        max_tokens: Sequences are truncated to this length.
    """
    texts = _texts()
    pairs = texts[_N_SINGLE:]
    found: Sequences = []
    for first, second in (
        (texts[:_N_SINGLE], None),
        (pairs[:_N_PAIRS], pairs[_N_PAIRS:]),
    ):
        encoded = tokenizer(
            first,
            second,
            truncation=True,
            max_length=max_tokens,
            return_token_type_ids=True,
            return_attention_mask=False,
        )
        found.extend(zip(encoded["input_ids"], encoded["token_type_ids"], strict=True))
    return found


def random_sequences(n_vocabulary: int, n_types: int, max_tokens: int) -> Sequences:
    """Return seeded random sequences, for a model folder without a tokenizer.

    Args:
        n_vocabulary: Size of the vocabulary.
        n_types: Number of token types.
        max_tokens: Length of the sequences.
    """
    draw = np.random.default_rng(0)
    shape = (_N_PAIRS, min(max_tokens, 64))
    ids = draw.integers(0, n_vocabulary, shape).tolist()
    types = np.sort(draw.integers(0, n_types, shape), axis=1).tolist()
    return list(zip(ids, types, strict=True))


@cache
def _texts() -> list[str]:
    with CORPUS_PATH.open(encoding="utf-8") as lines:
        every = [json.loads(line)["text"] for line in lines if line.strip()]
    # Spread over the corpus, whose documents are sorted by topic.
    n_texts = _N_SINGLE + 2 * _N_PAIRS
    return list(islice(every[:: max(1, len(every) // n_texts)], n_texts))
