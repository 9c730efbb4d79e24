"""Choosing the next token: greedy, or drawn with temperature, top-k and top-p.

Each candidate draws from random numbers of its own, so that what it becomes depends on neither the
other prompts nor the batch. (Sums of a batch of another size may differ in the last bits; a draw
changes only if it falls between the two.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# The likeliest tokens that top-p looks at before it sorts the whole vocabulary.
_N_SORTED = 1024


@dataclass(frozen=True, slots=True)
class Sampling:
    """How texts are generated; the filters and their order are those of transformers' `generate`.

    Attributes:
        max_new_tokens: Most tokens of a text.
        n: Number of candidates for each prompt.
        do_sample: Draw tokens; else the likeliest one is taken, and all candidates are equal.
        temperature: Divides the logits; below 1 the likely tokens become likelier.
        top_k: Draw from this many likeliest tokens; 0 for all.
        top_p: Draw from the fewest likeliest tokens whose probabilities add up to this.
        stop: Texts that end a candidate; they are not part of it.
        seed: Random seed.
    """

    max_new_tokens: int = 64
    n: int = 1
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = {
            "max_new_tokens of at least 1": self.max_new_tokens < 1,
            "n of at least 1": self.n < 1,
            "temperature above 0": not 0 < self.temperature < float("inf"),
            "top_k of at least 0": self.top_k < 0,
            "top_p above 0 and at most 1": not 0 < self.top_p <= 1,
            "no empty stop text": "" in self.stop,
        }
        for expected, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(f"expected {expected}, got {self}")


def uniform_numbers(prompt: Sequence[int], sampling: Sampling) -> NDArray[np.float64]:
    """Return the random numbers of a prompt's candidates, shape `[n, max_new_tokens]`.

    Args:
        prompt: Token ids.
        sampling: Its seed and sizes. The first candidates and tokens do not depend on how many
            there are.
    """
    digest = hashlib.sha256(np.asarray(prompt, dtype="<i8").tobytes()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.stack(
        [
            np.random.default_rng([sampling.seed, candidate, *words]).random(
                sampling.max_new_tokens
            )
            for candidate in range(sampling.n)
        ]
    )


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
