"""Choosing the next token: greedy, or drawn with temperature, top-k and top-p."""

from __future__ import annotations

import torch
from torch import Tensor

from llmexam.lm.decoder.sampling import Sampling

# How many of the likeliest tokens top-p looks at before it sorts the whole vocabulary.
_N_SORTED = (1024, 16_384)


def next_tokens(logits: Tensor, sampling: Sampling, uniform: Tensor) -> Tensor:
    """Return the next token of each row, shape `[n_rows]`.

    Args:
        logits: float32, shape `[n_rows, n_vocabulary]`.
        sampling: How to choose.
        uniform: One random number in [0, 1) for each row, float64, shape `[n_rows]`.
    """
    if not sampling.do_sample:
        return logits.argmax(dim=1)
    scaled = logits if sampling.temperature == 1 else logits / sampling.temperature
    if not sampling.top_k and sampling.top_p == 1:
        return _draw(torch.softmax(scaled, dim=1), uniform)
    if sampling.top_k:
        found = scaled.topk(min(sampling.top_k, scaled.shape[1]), dim=1)
        shares = torch.softmax(found.values, dim=1)
        return _draw_within(shares, found.indices, sampling.top_p, uniform)
    return _draw_nucleus(scaled, sampling.top_p, uniform)


def _draw_nucleus(scaled: Tensor, top_p: float, uniform: Tensor) -> Tensor:
    """Draw from the likeliest tokens whose probabilities add up to `top_p`."""
    uniform = uniform.to(scaled.device)
    totals = scaled.logsumexp(dim=1, keepdim=True)
    chosen = torch.empty(len(scaled), dtype=torch.long, device=scaled.device)
    left = torch.arange(len(scaled), device=scaled.device)
    # Sorting a vocabulary of 262,144 takes longer than the model, and few rows need all of it.
    for size in (*(size for size in _N_SORTED if size < scaled.shape[1]), scaled.shape[1]):
        found = scaled[left].topk(size, dim=1)
        shares = (found.values - totals[left]).exp()
        enough = (shares.sum(dim=1) >= top_p) | (size == scaled.shape[1])
        rows = left[enough]
        chosen[rows] = _draw_within(shares[enough], found.indices[enough], top_p, uniform[rows])
        left = left[~enough]
        if not len(left):
            break
    return chosen


def _draw_within(shares: Tensor, tokens: Tensor, top_p: float, uniform: Tensor) -> Tensor:
    """Draw a token of each row by its share, among the first ones that add up to `top_p`."""
    if top_p < 1:
        # The token that passes the limit is kept, and always the first one.
        before = shares.cumsum(dim=1) - shares
        shares = shares.masked_fill(before >= top_p, 0.0)
    return tokens.gather(1, _draw(shares, uniform)[:, None])[:, 0]


def _draw(shares: Tensor, uniform: Tensor) -> Tensor:
    """Return a place in each row by its shares, which need not add up to 1."""
    # Double precision: over a large vocabulary, sums of float32 lose the rare tokens.
    sums = shares.cumsum(dim=1, dtype=torch.float64)
    wanted = uniform.to(sums.device) * sums[:, -1]
    places = torch.searchsorted(sums, wanted[:, None], right=True)[:, 0]
    # A random number next to 1 may be rounded up to the sum.
    last = (shares > 0).long().cumsum(dim=1).argmax(dim=1)
    return torch.minimum(places, last)
