"""Whether a model's layers compute the same when requests share tokens: found out by trying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from llmexam.lm.decoder.requests import Continuation, whole_text

if TYPE_CHECKING:
    from llmexam.lm.decoder.model import Decoder

# Lengths that make a prefix, a trunk and branches, with padding in both.
_PREFIX, _TRUNKS, _BRANCHES = 9, (6, 4), (3, 2, 4)
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}


def difference(decoder: Decoder) -> float:
    """Return how far shared log-probabilities are from plain ones at most, in nats.

    For a binary head, whose logits have no scale of their own: as a part of the largest.
    """
    from llmexam.lm.decoder.scorer import LikelihoodScorer

    config = decoder.model.config.get_text_config()
    groups = probe_requests(config.vocab_size)
    if decoder.has_binary_head:
        # A model looks for its last token before the padding, so there is none in these.
        pad = config.pad_token_id
        groups = [
            [
                whole_text([(t + (t == pad)) % config.vocab_size for t in one.tokens])
                for one in group
            ]
            for group in groups
        ]
    scorer = LikelihoodScorer(decoder)
    decoder._probed = True
    try:
        shared = scorer.score(groups)
    finally:
        decoder._probed = None
    furthest, largest = 0.0, 0.0
    for group, found in zip(groups, shared, strict=True):
        for request, one in zip(group, found, strict=True):
            with torch.inference_mode():
                plain = plain_answers(decoder.model, request).cpu().numpy()
            furthest = max(furthest, float(np.abs(one - plain).max()))
            largest = max(largest, float(np.abs(plain).max()))
    if decoder.has_binary_head and furthest > 0:
        furthest /= largest or furthest
    return furthest if np.isfinite(furthest) else float("inf")


def plain_answers(model: Any, request: Continuation) -> Tensor:
    """Return the log-probabilities of a request's asked-for tokens, or its logit, read alone.

    Args:
        model: The transformers model; its own forward is run, gradients and all.
        request: What is read.

    Returns:
        float32, shape `[n_asked]`.
    """
    ids = torch.tensor([request.tokens], device=model.device)
    if request.is_whole:
        logit: Tensor = model(input_ids=ids[:, :-1], use_cache=False).logits
        return logit.float().flatten()[-1:]
    logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
    wanted = ids[0, 1:]
    return torch.log_softmax(logits, dim=-1).gather(1, wanted[:, None])[request.start - 1 :, 0]


def tolerance(dtype: torch.dtype) -> float:
    """Return how far a shared computation may be from a plain one before it is not trusted.

    In nats; for a binary head as a part of the largest logit.

    Args:
        dtype: Type of the states.
    """
    return _TOLERANCE.get(dtype, 0.5)


def probe_requests(n_vocabulary: int) -> list[list[Continuation]]:
    """Return requests with a prefix, trunks and branches, and padding in both."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[int, ...]:
        return tuple(int(token) for token in rng.integers(0, n_vocabulary, n))

    prefix = draw(_PREFIX)
    groups = []
    for n in _TRUNKS:
        trunk = prefix + draw(n)
        groups.append([Continuation(trunk + draw(m), len(trunk)) for m in _BRANCHES])
    return groups
