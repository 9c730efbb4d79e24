"""Test whether a model gives equal results when requests share tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from llmexam.lm.decoder.requests import Continuation, whole_text

if TYPE_CHECKING:
    from llmexam.lm.decoder.model import Decoder

# Lengths that give a prefix, trunks and branches, with padding in both.
_PREFIX, _TRUNKS, _BRANCHES = 9, (6, 4), (3, 2, 4)
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.5, torch.float16: 0.1}


def difference(decoder: Decoder) -> float:
    """Return the maximum difference of shared and plain log-probabilities, in nats.

    For a binary head, whose logits have no fixed scale, it is relative to the largest logit.
    """
    from llmexam.lm.decoder.scorer import LikelihoodScorer

    config = decoder.model.config.get_text_config()
    groups = probe_requests(config.vocab_size)
    if decoder.has_binary_head:
        # transformers takes the last token before padding, so texts must not contain the pad id.
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
    """Return the log-probabilities of a request's target tokens, or its logit, computed alone.

    Args:
        model: The transformers model; its own forward is run, with gradients.
        request: The request.

    Returns:
        float32, shape `[n_targets]`.
    """
    ids = torch.tensor([request.tokens], device=model.device)
    if request.is_whole:
        logit: Tensor = model(input_ids=ids[:, :-1], use_cache=False).logits
        return logit.float().flatten()[-1:]
    logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
    wanted = ids[0, 1:]
    return torch.log_softmax(logits, dim=-1).gather(1, wanted[:, None])[request.start - 1 :, 0]


def tolerance(dtype: torch.dtype) -> float:
    """Return the tolerance of shared against plain computation.

    In nats; for a binary head relative to the largest logit.

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
