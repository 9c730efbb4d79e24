"""Batching of sequences by number of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def token_batches(
    order: NDArray[np.int64], lengths: NDArray[np.int64], n_tokens: int, *, pads: bool
) -> list[NDArray[np.int64]]:
    """Yield batches of sequences, longest first, of at most `n_tokens` tokens each.

    Args:
        order: Indices of the sequences, longest first.
        lengths: Tokens of each sequence, by index.
        n_tokens: Maximum tokens per batch; a longer sequence is a batch of its own.
        pads: Whether batches are padded to the longest, so that padding counts too.
    """
    batches = []
    start = n_so_far = 0
    for place, index in enumerate(order):
        cost = int(lengths[order[start]] if pads else lengths[index])
        if place > start and n_so_far + cost > n_tokens:
            batches.append(order[start:place])
            start, n_so_far = place, 0
            cost = int(lengths[index])
        n_so_far += cost
    if start < len(order):
        batches.append(order[start:])
    return batches


def longest_input(config: Any) -> int | None:
    """Return a model's context length in tokens; None without a limit."""
    # DeBERTa-v2 and -v3 use relative positions only, so `max_position_embeddings` does not
    # limit the length.
    if getattr(config, "position_biased_input", True) is False:
        return None
    # RoBERTa-like models start positions after their padding id, so they have fewer.
    shift = config.pad_token_id + 1 if "roberta" in config.model_type else 0
    positions = getattr(config, "max_position_embeddings", None)
    return positions - shift if positions else None
