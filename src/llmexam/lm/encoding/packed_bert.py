"""BERT over sequences laid end to end, without padding and with gradients.

The linear layers see `[n_tokens, dim]`; attention runs for each run of equal lengths. It calls the
modules of the transformers model itself, so optimizers, adapters in place of a linear layer,
and `save_pretrained` need to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from torch import Tensor, nn

# Up to this many tokens, two batched products are faster in bf16 than the fused kernel (measured).
_PLAIN_BF16_TOKENS = 256


def encode_packed(
    model: Any,
    ids: Tensor,
    types: Tensor,
    lengths: Sequence[int],
    *,
    first_only: bool = False,
    save_memory: bool = False,
) -> Tensor:
    """Return the vectors of all tokens, shape `[n_tokens, dim]`.

    Args:
        model: A transformers `BertModel` for which `can_pack` holds.
        ids: Token ids of all sequences, end to end, shape `[n_tokens]`.
        types: Token types, same shape.
        lengths: Tokens of each sequence.
        first_only: Return the first token of each sequence alone, shape `[n_sequences, dim]`;
            the last layer is then computed for these only.
        save_memory: Compute each layer again in the backward pass instead of keeping it.
    """
    hidden = _embed(model.embeddings, ids, types, lengths)
    layers = model.encoder.layer
    spans = Spans(lengths, ids.device)
    for place, layer in enumerate(layers, 1):
        first = first_only and place == len(layers)
        if save_memory and torch.is_grad_enabled():
            # use_reentrant=False: frozen embeddings need no gradient, and DDP allows no other.
            hidden = checkpoint(_layer, layer, hidden, spans, first, use_reentrant=False)
        else:
            hidden = _layer(layer, hidden, spans, first)
    return hidden


class Spans:
    """Where sequences lie that are laid end to end.

    Attributes:
        lengths: Tokens of each sequence.
        runs: Neighbours of equal length: tokens of one, and how many.
        firsts: Place of each first token, shape `[n_sequences]`.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        self.lengths = list(lengths)
        self.runs = [(n, len(list(group))) for n, group in groupby(self.lengths)]
        starts = accumulate(self.lengths[:-1], initial=0)
        self.firsts = torch.tensor(list(starts), device=device)

    def places(self, width: int) -> Tensor:
        """Return each token's place in a matrix of `width` places a sequence, flattened."""
        device = self.firsts.device
        return torch.cat(
            [torch.arange(n, device=device) + i * width for i, n in enumerate(self.lengths)]
        )


def _embed(parts: Any, ids: Tensor, types: Tensor, lengths: Sequence[int]) -> Tensor:
    places = torch.cat([torch.arange(n, device=ids.device) for n in lengths])
    hidden = (
        parts.word_embeddings(ids)
        + parts.token_type_embeddings(types)
        + parts.position_embeddings(places)
    )
    return _drop(parts.dropout, parts.LayerNorm(hidden))


def _layer(layer: Any, hidden: Tensor, spans: Spans, first: bool) -> Tensor:
    own, after = layer.attention.self, layer.attention.output
    asking = hidden[spans.firsts] if first else hidden
    heads = (own.num_attention_heads, own.attention_head_size)
    dropout = own.dropout.p if own.dropout.training else 0.0
    q, k, v = (
        projected.unflatten(-1, heads)
        for projected in (own.query(asking), own.key(hidden), own.value(hidden))
    )
    attend = _attend_padded if hidden.is_cuda else _attend_runs
    mixed = attend(q, k, v, spans, dropout).flatten(1)
    asking = after.LayerNorm(_drop(after.dropout, after.dense(mixed)) + asking)
    inner = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(asking))
    out = layer.output
    return out.LayerNorm(_drop(out.dropout, out.dense(inner)) + asking)  # type: ignore[no-any-return]


def _attend_runs(q: Tensor, k: Tensor, v: Tensor, spans: Spans, dropout: float) -> Tensor:
    """Return attention within each sequence, `[n_queries, n_heads, width]`."""
    shape = q.shape[1:]
    # One query a sequence, or one a token.
    single = len(q) != len(k)
    parts = []
    start = first = 0
    for n_tokens, n_texts in spans.runs:
        n_asked = 1 if single else n_tokens
        end, last = start + n_tokens * n_texts, first + n_asked * n_texts
        own = q[first:last].view(n_texts, n_asked, *shape).transpose(1, 2)
        keys = k[start:end].view(n_texts, n_tokens, *shape).transpose(1, 2)
        values = v[start:end].view(n_texts, n_tokens, *shape).transpose(1, 2)
        if q.dtype == torch.bfloat16 and n_tokens <= _PLAIN_BF16_TOKENS:
            weights = (own * shape[-1] ** -0.5 @ keys.transpose(-1, -2)).softmax(-1)
            weights = F.dropout(weights, dropout) if dropout else weights
            mixed = weights.to(values.dtype) @ values
        else:
            mixed = F.scaled_dot_product_attention(own, keys, values, dropout_p=dropout)
        parts.append(mixed.transpose(1, 2).reshape(-1, *shape))
        start, first = end, last
    return torch.cat(parts)


def _attend_padded(q: Tensor, k: Tensor, v: Tensor, spans: Spans, dropout: float) -> Tensor:
    """Return what `_attend_runs` does, by one padded call: a GPU waits long for many small ones."""
    n_texts, longest = len(spans.lengths), max(spans.lengths)
    places = spans.places(longest)
    mask = torch.zeros(n_texts * longest, dtype=torch.bool, device=q.device)
    mask[places] = True
    mask = mask.view(n_texts, 1, 1, longest)

    def spread(packed: Tensor) -> Tensor:
        wide = packed.new_zeros(n_texts * longest, *packed.shape[1:]).index_copy(0, places, packed)
        return wide.view(n_texts, longest, *packed.shape[1:]).transpose(1, 2)

    single = len(q) != len(k)
    own = q.unsqueeze(2) if single else spread(q)
    mixed = F.scaled_dot_product_attention(
        own, spread(k), spread(v), attn_mask=mask, dropout_p=dropout
    ).transpose(1, 2)
    return mixed.squeeze(1) if single else mixed.flatten(0, 1)[places]


def _drop(module: nn.Module, hidden: Tensor) -> Tensor:
    """Return the vectors after dropout, untouched where there is none."""
    if not module.training or not getattr(module, "p", 1.0):
        return hidden
    dropped: Tensor = module(hidden)
    return dropped
