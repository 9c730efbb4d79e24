"""Attention over shared prefixes: their keys and values are stored once and never copied per row.

It is registered with transformers' attention interface, so it works for every model that uses the
interface. The softmax over several blocks of keys is merged from the blocks' softmaxes and
log-sum-exps (Hydragen, arXiv 2402.05099, section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

NAME = "llmexam_shared"


@dataclass(eq=False)
class Block:
    """Keys and values of one segment of the rows, by attention layer.

    Attributes:
        places: Position of each key, shape `[1 or n_rows, n_keys]`; -1 for padding.
        kept: Keys and values, each of shape `[1 or n_rows, n_kv_heads, n_keys, head_dim]`.
        padded: Whether any key is padding.
        repeats: Successive rows of a later pass that share one row of these keys, such as the
            candidates that are generated after one prompt.
    """

    places: Tensor
    padded: bool = False
    repeats: int = 1
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


@dataclass(eq=False)
class Sight:
    """The keys that the tokens of a forward pass attend to.

    Attributes:
        earlier: Blocks before these tokens: every token attends to all of them but the padding.
        own: The block of these tokens, which the pass fills.
        tree: Attention mask, shape `[n_rows, n_tokens, n_tokens]`; None for a causal mask.
        keep: Whether to store the block's keys and values for later passes.
    """

    earlier: tuple[Block, ...]
    own: Block
    tree: Tensor | None = None
    keep: bool = False


_SIGHT: ContextVar[Sight] = ContextVar("llmexam_sight")


@contextmanager
def seeing(sight: Sight) -> Iterator[None]:
    """Set the attended keys of forward passes inside the `with` block."""
    token = _SIGHT.set(sight)
    try:
        yield
    finally:
        _SIGHT.reset(token)


def register() -> str:
    """Register the attention with transformers, and return its name."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
    return NAME


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    """Return the attention output of a layer, with the signature of transformers' interface.

    Args:
        module: The layer's attention.
        query: Shape `[n_rows, n_heads, n_tokens, head_dim]`.
        key: Shape `[n_rows, n_kv_heads, n_tokens, head_dim]`.
        value: As `key`.
        attention_mask: Unused: the mask is set by `seeing`.
        scaling: Factor of the scores; 1 / sqrt(head_dim) if None.
        dropout: Unused in scoring.
        **options: `sliding_window`, `softcap` and `s_aux` (attention sinks) are supported.

    Returns:
        Output, shape `[n_rows, n_tokens, n_heads, head_dim]`, and None for the weights.
    """
    sight = _SIGHT.get()
    layer = id(module)
    if sight.keep:
        sight.own.kept[layer] = (key, value)
    scale = scaling if scaling is not None else 1 / math.sqrt(query.shape[-1])
    window = options.get("sliding_window")
    if window is None:
        window = getattr(module, "sliding_window", None)
    softcap = options.get("softcap")
    if _all_in_reach(sight, window):
        window = None
    # With one token a row, a window is a mask over keys, which the fused kernel takes.
    fits = window is None or query.shape[2] == 1
    plain = softcap is None and options.get("s_aux") is None and fits
    if plain and query.device.type == "cpu" and query.shape[-1] == value.shape[-1]:
        return _merge(_parts(sight, layer, query, key, value, scale, window)), None
    return _explicit(sight, layer, query, key, value, scale, window, softcap, options), None


def _all_in_reach(sight: Sight, window: int | None) -> bool:
    if window is None:
        return True
    blocks = [*sight.earlier, sight.own]
    # No position reaches the window, so it hides no key.
    return max(int(block.places.max()) for block in blocks) < window


def _parts(
    sight: Sight,
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    window: int | None,
) -> list[tuple[Tensor, Tensor]]:
    """Return output and log-sum-exp of each block, from torch's fused kernel.

    With a window, rows have one token each.
    """
    n_groups = query.shape[1] // key.shape[1]
    found = []
    for block in sight.earlier:
        keys, values = block.kept[layer]
        if window is not None:
            out = _in_window(query, keys, values, block, sight.own.places, scale, window)
            if out is not None:
                found.append(out)
            continue
        bias = None
        if block.padded:
            bias = _bias(block.places >= 0, query.dtype)[:, None, None, :]
        if block.repeats > 1:
            found.append(_repeated(query, keys, values, bias, scale, block.repeats))
        elif keys.shape[0] == 1 and query.shape[0] > 1:
            # The common prefix: one row of keys for all rows of queries.
            found.append(_over_shared(query, keys, values, bias, scale))
        else:
            found.append(_grouped(query, keys, values, bias, scale, n_groups))
    if sight.tree is None:
        # Rows are sequences, padded at the end, where a causal mask hides the padding.
        keys, values = (_spread(t, n_groups) for t in (key, value))
        found.append(_fused(query, keys, values, None, scale, causal=True))
    else:
        # `_grouped` concatenates the queries of a group of heads, so the mask is repeated for each.
        bias = _bias(sight.tree, query.dtype)[:, None].repeat(1, 1, n_groups, 1)
        found.append(_grouped(query, key, value, bias, scale, n_groups))
    return found


def _fused(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float, *, causal: bool
) -> tuple[Tensor, Tensor]:
    # The private operator, because the public one does not return the log-sum-exp.
    out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, causal, attn_mask=bias, scale=scale
    )
    return out, total


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float, n_groups: int
) -> tuple[Tensor, Tensor]:
    """Attend with the query heads of each key head concatenated, so that no key is copied."""
    n_rows, n_heads, n_tokens, dim = query.shape
    folded = query.reshape(n_rows, n_heads // n_groups, n_groups * n_tokens, dim)
    out, total = _fused(folded, key, value, bias, scale, causal=False)
    return out.reshape(query.shape), total.reshape(n_rows, n_heads, n_tokens)


def _over_shared(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    """Attend to keys that all rows share, with the queries of all rows concatenated."""
    n_rows, n_heads, n_tokens, dim = query.shape
    n_kv = key.shape[1]
    split = query.reshape(n_rows, n_kv, n_heads // n_kv, n_tokens, dim)
    folded = split.transpose(0, 1).reshape(1, n_kv, -1, dim)
    out, total = _fused(folded, key, value, bias, scale, causal=False)
    shape = (n_kv, n_rows, n_heads // n_kv, n_tokens)
    out = out.reshape(*shape, dim).transpose(0, 1).reshape(query.shape)
    return out, total.reshape(shape).transpose(0, 1).reshape(n_rows, n_heads, n_tokens)


def _repeated(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float, repeats: int
) -> tuple[Tensor, Tensor]:
    """Attend to keys that each run of successive rows shares, with one token a row."""
    n_rows, n_heads, n_tokens, dim = query.shape
    shape = (n_rows // repeats, repeats, n_heads, n_tokens)
    # The rows of a run become tokens of one row, so that no key is copied.
    folded = query.reshape(*shape, dim).transpose(1, 2).flatten(2, 3)
    out, total = _grouped(folded, key, value, bias, scale, n_heads // key.shape[1])
    split = (shape[0], n_heads, repeats, n_tokens)
    out = out.reshape(*split, dim).transpose(1, 2).reshape(query.shape)
    return out, total.reshape(split).transpose(1, 2).reshape(n_rows, n_heads, n_tokens)


def _in_window(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    block: Block,
    own: Tensor,
    scale: float,
    window: int,
) -> tuple[Tensor, Tensor] | None:
    """Attend to the keys of a block within the window of each row's token; None if none is."""
    n_rows = query.shape[0]
    places = _repeat(block.places, block.repeats).expand(n_rows, -1)
    seen = (places >= 0) & (own - places < window)
    # Keys that no row reaches any more are not read.
    first = int(seen.any(dim=0).long().argmax())
    if not bool(seen.any()):
        return None
    keys, values = (
        _repeat(tensor[:, :, first:], block.repeats).expand(n_rows, -1, -1, -1)
        for tensor in (key, value)
    )
    bias = _bias(seen[:, first:], query.dtype)[:, None, None, :]
    return _grouped(query, keys, values, bias, scale, query.shape[1] // key.shape[1])


def _merge(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the softmax over all blocks, shape `[n_rows, n_tokens, n_heads, head_dim]`."""
    if len(parts) == 1:
        return parts[0][0].transpose(1, 2).contiguous()
    # Each block's share of the full softmax is exp(log-sum-exp), normalised over blocks.
    totals = torch.stack([total for _, total in parts])
    shares = torch.softmax(totals, dim=0).to(parts[0][0].dtype)
    out = parts[0][0] * shares[0].unsqueeze(-1)
    for (part, _), share in zip(parts[1:], shares[1:], strict=True):
        out.addcmul_(part, share.unsqueeze(-1))
    return out.transpose(1, 2).contiguous()


def _explicit(
    sight: Sight,
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    window: int | None,
    softcap: float | None,
    options: dict[str, Any],
) -> Tensor:
    """Return the attention with one mask over all keys: for GPUs, windows, caps and sinks."""
    n_rows, n_heads, n_tokens, _ = query.shape
    blocks = [
        tuple(_repeat(tensor, block.repeats) for tensor in block.kept[layer])
        for block in sight.earlier
    ]
    blocks.append((key, value))
    keys, values = (
        torch.cat([block[i].expand(n_rows, -1, -1, -1) for block in blocks], dim=2) for i in (0, 1)
    )
    places = [_repeat(block.places, block.repeats).expand(n_rows, -1) for block in sight.earlier]
    own = sight.own.places.expand(n_rows, -1)
    seen = [(p >= 0)[:, None, :].expand(-1, n_tokens, -1) for p in places]
    if sight.tree is None:
        line = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=query.device).tril()
        seen.append(line.expand(n_rows, -1, -1))
    else:
        seen.append(sight.tree)
    mask = torch.cat(seen, dim=2)
    if window is not None:
        away = own[:, :, None] - torch.cat([*places, own], dim=1)[:, None, :]
        # Padding has no position; it must attend to itself, or its softmax would be empty (NaN).
        mask = mask & ((away < window) | (own < 0)[:, :, None])
    bias = _bias(mask, query.dtype)[:, None]
    n_groups = n_heads // keys.shape[1]
    keys, values = _spread(keys, n_groups), _spread(values, n_groups)
    sinks = options.get("s_aux")
    if softcap is None and sinks is None:
        out = functional.scaled_dot_product_attention(query, keys, values, bias, scale=scale)
        return out.transpose(1, 2).contiguous()
    products = (query @ keys.transpose(2, 3)) * scale
    if softcap is not None:
        products = torch.tanh(products / softcap) * softcap
    products = products + bias
    if sinks is not None:
        # A sink is one more score per head that takes probability but has no value.
        sink = sinks.reshape(1, -1, 1, 1).expand(n_rows, -1, n_tokens, 1).to(products.dtype)
        products = torch.cat([products, sink], dim=-1)
    weights = torch.softmax(products, dim=-1, dtype=torch.float32).to(query.dtype)
    return (weights[..., : keys.shape[2]] @ values).transpose(1, 2).contiguous()


def _repeat(rows: Tensor, repeats: int) -> Tensor:
    return rows if repeats == 1 else rows.repeat_interleave(repeats, dim=0)


def _spread(heads: Tensor, n_groups: int) -> Tensor:
    return heads if n_groups == 1 else heads.repeat_interleave(n_groups, dim=1)


def _bias(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an additive mask: 0 for attended keys, the lowest finite number elsewhere."""
    bias = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return bias.masked_fill_(~seen, torch.finfo(dtype).min)
