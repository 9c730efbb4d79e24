"""Which sequences go through a model together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def token_batches(
    order: NDArray[np.int64], lengths: NDArray[np.int64], n_tokens: int, *, pads: bool
) -> list[NDArray[np.int64]]:
    """Cut sequences, longest first, into runs of about `n_tokens` tokens each.

    Args:
        order: Indices of the sequences, longest first.
        lengths: Tokens of each sequence, by index.
        n_tokens: Tokens a batch has at most; a longer sequence makes a batch alone.
        pads: Whether a batch is padded to its longest, so that padding counts too.
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
    """Return how many tokens a model reads at most; None where it sets no limit."""
    # DeBERTa-v2 and -v3 put places into attention only, relative to one another: their
    # `max_position_embeddings` names a table that they do not have.
    if getattr(config, "position_biased_input", True) is False:
        return None
    # RoBERTa-like models count positions from behind their padding id, so they have fewer.
    shift = config.pad_token_id + 1 if "roberta" in config.model_type else 0
    positions = getattr(config, "max_position_embeddings", None)
    return positions - shift if positions else None
