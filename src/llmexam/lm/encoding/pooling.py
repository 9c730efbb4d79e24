"""Pooling of token vectors into one vector per text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def pool(hidden: Tensor, mask: Tensor | None, modes: Sequence[str]) -> Tensor:
    """Return one vector per text in float32, shape `[n_texts, len(modes) * dim]`.

    The modes are those of sentence-transformers: `cls` is the first token, `lasttoken` the last
    one before padding, `weightedmean` has weight i + 1 for token i (SGPT, arXiv 2202.08904).

    Args:
        hidden: Token vectors, shape `[n_texts, n_tokens, dim]`.
        mask: 1 for tokens, 0 for padding on the right, shape `[n_texts, n_tokens]`; None if
            there is no padding.
        modes: One or more modes; their vectors are concatenated.
    """
    vectors = hidden.float()
    if mask is None:
        mask = torch.ones(vectors.shape[:2], device=vectors.device, dtype=torch.long)
    return torch.cat([_pool_one(vectors, mask, mode) for mode in modes], dim=1)


def _pool_one(vectors: Tensor, mask: Tensor, mode: str) -> Tensor:
    here = mask.unsqueeze(-1).to(vectors.dtype)
    n_tokens = here.sum(1)
    if mode == "cls":
        return vectors[:, 0]
    if mode == "max":
        return vectors.masked_fill(here == 0, -torch.inf).amax(1)
    if mode == "lasttoken":
        last = mask.sum(1) - 1
        return vectors[torch.arange(len(vectors), device=vectors.device), last]
    if mode == "weightedmean":
        weights = here * here.cumsum(1)
        return (vectors * weights).sum(1) / weights.sum(1)
    total = (vectors * here).sum(1)
    return total / (n_tokens.sqrt() if mode == "mean_sqrt_len_tokens" else n_tokens)
