"""Choosing the next token: greedy, or drawn with temperature, top-k and top-p."""

from __future__ import annotations

import torch
from torch import Tensor

from llmexam.lm.decoder.sampling import Sampling

# The likeliest tokens that top-p looks at before it sorts the whole vocabulary.
_N_SORTED = 1024


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
    values, tokens = _likeliest(scaled, sampling)
    shares = torch.softmax(values, dim=1)
    if sampling.top_p < 1:
        # The token that passes the limit is kept, and always the first one.
        before = shares.cumsum(dim=1) - shares
        shares = shares.masked_fill(before >= sampling.top_p, 0.0)
    return tokens.gather(1, _draw(shares, uniform)[:, None])[:, 0]


def _likeliest(scaled: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Return logits and ids of the likeliest tokens, sorted; enough of them for top-k and top-p."""
    n_all = scaled.shape[1]
    if sampling.top_k:
        found = scaled.topk(min(sampling.top_k, n_all), dim=1)
        return found.values, found.indices
    # Sorting a vocabulary of 262,144 takes longer than the model; top-p needs few of its tokens.
    found = scaled.topk(min(_N_SORTED, n_all), dim=1)
    total = scaled.logsumexp(dim=1, keepdim=True)
    if n_all > _N_SORTED and bool(
        (((found.values - total).exp().sum(dim=1)) < sampling.top_p).any()
    ):
        values, tokens = scaled.sort(dim=1, descending=True, stable=True)
        return values, tokens
    # One more entry holds what the others are together, so that the shares stay those of all.
    rest = (1 - (found.values - total).exp().sum(dim=1, keepdim=True)).clamp(min=0)
    values = torch.cat([found.values, rest.log() + total], dim=1)
    return values, torch.cat([found.indices, found.indices[:, :1]], dim=1)


def _draw(shares: Tensor, uniform: Tensor) -> Tensor:
    """Return a place in each row by its shares, which need not add up to 1."""
    # Double precision: over a large vocabulary, sums of float32 lose the rare tokens.
    sums = shares.cumsum(dim=1, dtype=torch.float64)
    wanted = uniform.to(sums.device) * sums[:, -1]
    places = torch.searchsorted(sums, wanted[:, None], right=True)[:, 0]
    # A random number next to 1 may be rounded up to the sum.
    last = (shares > 0).long().cumsum(dim=1).argmax(dim=1)
    return torch.minimum(places, last)
