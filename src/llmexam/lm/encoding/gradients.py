"""Parts of a BERT layer with gradients written by hand, for fp32 on a CPU.

They compute what the modules of transformers compute, in fewer passes over memory: products run
in oneDNN where it is faster than the BLAS of torch; attention weights and the output of GELU are
recomputed block by block, within the caches, instead of being stored; dropout masks come from
`MaskSource`. Only first derivatives are supported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from llmexam.lm.encoding.dropout import MaskSource

if TYPE_CHECKING:
    from torch import Tensor

# Rows of a block of the feed-forward layer: its two intermediate results stay in the caches, and
# oneDNN can use its compiled kernels again.
_BLOCK_ROWS = 2048
# Attention weights of a block: 1 M numbers, or 4 MB.
_BLOCK_WEIGHTS = 1 << 20


def linear(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return product and bias, `[n_tokens, n_in]` -> `[n_tokens, n_out]`."""
    return _Linear.apply(hidden, weight, bias)  # type: ignore[no-any-return,no-untyped-call]


def feed_forward(
    hidden: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor
) -> Tensor:
    """Return two linear layers with exact GELU between them, `[n_tokens, dim]`."""
    return _FeedForward.apply(hidden, w_up, b_up, w_down, b_down)  # type: ignore[no-any-return,no-untyped-call]


def attention(qkv: Tensor, runs: Sequence[tuple[int, int]], n_heads: int, dropout: float) -> Tensor:
    """Return attention within each sequence, `[n_tokens, dim]`.

    Args:
        qkv: Queries, keys and values, shape `[n_tokens, 3 * dim]`.
        runs: Lengths and numbers of sequences; see `Spans`.
        n_heads: Number of heads.
        dropout: Dropout rate of the attention weights.
    """
    return _Attention.apply(qkv, runs, n_heads, MaskSource(dropout))  # type: ignore[no-any-return,no-untyped-call]


def add_norm(
    change: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float, dropout: float
) -> Tensor:
    """Return the layer norm of `dropout(change) + residual`, all `[n_tokens, dim]`."""
    return _AddNorm.apply(change, residual, weight, bias, eps, MaskSource(dropout))  # type: ignore[no-any-return,no-untyped-call]


def drop(hidden: Tensor, dropout: float) -> Tensor:
    """Return vectors after dropout."""
    source = MaskSource(dropout)
    mask = source.draw(*hidden.shape)
    return hidden if mask is None else hidden * mask * source.scale


@cache
def can_use_onednn() -> bool:
    """Return whether this build of torch has the operator, which is not public API."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `rows @ weight.T + bias`."""
    if can_use_onednn():
        run = torch.ops.mkldnn._linear_pointwise.default
        return run(rows, weight, bias, "none", [], "")  # type: ignore[no-any-return]
    return F.linear(rows, weight, bias)


def _masked(values: Tensor, mask: Tensor, out: Tensor | None = None) -> Tensor:
    """Return values, 0 where the mask is False."""
    # numpy converts the mask within the caches; torch makes a copy of it in fp32 first.
    out = torch.empty_like(values) if out is None else out
    np.multiply(values.detach().numpy(), mask.numpy(), out=out.numpy())
    return out


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        return _product(hidden, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight = ctx.saved_tensors
        for_hidden, for_weight, for_bias = ctx.needs_input_grad
        grad = grad.contiguous()
        return (
            _product(grad, weight.t()) if for_hidden else None,
            grad.t() @ hidden if for_weight else None,
            grad.sum(0) if for_bias else None,
        )


class _FeedForward(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor
    ) -> Tensor:
        inner = [_product(rows, w_up, b_up) for rows in torch.split(hidden, _BLOCK_ROWS)]
        ctx.save_for_backward(hidden, w_up, w_down, *inner)
        return torch.cat([_product(F.gelu(rows), w_down, b_down) for rows in inner])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, w_up, w_down, *inner = ctx.saved_tensors
        grad = grad.contiguous()
        need_hidden, need_w_up, need_b_up, need_w_down, need_b_down = ctx.needs_input_grad
        d_hidden = torch.empty_like(hidden) if need_hidden else None
        d_up = torch.zeros_like(w_up) if need_w_up else None
        d_bias = w_up.new_zeros(len(w_up)) if need_b_up else None
        d_down = torch.zeros_like(w_down) if need_w_down else None
        start = 0
        for before in inner:
            block = slice(start, start + len(before))
            start = block.stop
            if d_down is not None:
                d_down.addmm_(grad[block].t(), F.gelu(before))
            if not (need_hidden or need_w_up or need_b_up):
                continue
            inside = _product(grad[block], w_down.t())
            inside = torch.ops.aten.gelu_backward.grad_input(inside, before, grad_input=inside)
            if d_up is not None:
                d_up.addmm_(inside.t(), hidden[block])
            if d_bias is not None:
                d_bias += inside.sum(0)
            if d_hidden is not None:
                d_hidden[block] = _product(inside, w_up.t())
        return d_hidden, d_up, d_bias, d_down, grad.sum(0) if need_b_down else None


class _Attention(Function):
    @staticmethod
    def forward(
        ctx: Any, qkv: Tensor, runs: Sequence[tuple[int, int]], n_heads: int, masks: MaskSource
    ) -> Tensor:
        dim = qkv.shape[1] // 3
        mixed = qkv.new_empty(len(qkv), dim)
        drawn = []
        for start, n_texts, n_tokens in _blocks(runs, n_heads):
            rows = slice(start, start + n_texts * n_tokens)
            q, k, v = _by_head(qkv[rows], n_texts, n_heads)
            weights = _weights(q, k)
            mask = masks.draw(*weights.shape)
            drawn.append(mask)
            if mask is not None:
                _masked(weights, mask, out=weights)
            out = torch.bmm(weights, v).mul_(masks.scale)
            view = mixed[rows].view(n_texts, n_tokens, n_heads, -1)
            view.copy_(out.view(n_texts, n_heads, n_tokens, -1).transpose(1, 2))
        # As attributes of ctx, masks would be kept in memory under gradient checkpointing.
        ctx.save_for_backward(qkv, *drawn)
        ctx.layout = (runs, n_heads, masks.scale)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        qkv, *drawn = ctx.saved_tensors
        runs, n_heads, scale = ctx.layout
        d_qkv = torch.empty_like(qkv)
        for (start, n_texts, n_tokens), mask in zip(_blocks(runs, n_heads), drawn, strict=True):
            rows = slice(start, start + n_texts * n_tokens)
            q, k, v = _by_head(qkv[rows], n_texts, n_heads)
            d_out = grad[rows].reshape(n_texts, n_tokens, n_heads, -1).transpose(1, 2)
            d_out = d_out.reshape(q.shape) * scale
            weights = _weights(q, k)
            d_weights = torch.bmm(d_out, v.transpose(1, 2))
            parts = torch.empty(3, *q.shape)
            if mask is None:
                torch.bmm(weights.transpose(1, 2), d_out, out=parts[2])
            else:
                torch.bmm(_masked(weights, mask).transpose(1, 2), d_out, out=parts[2])
                _masked(d_weights, mask, out=d_weights)
            d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
            factor = q.shape[-1] ** -0.5
            torch.baddbmm(parts[0], d_scores, k, beta=0, alpha=factor, out=parts[0])
            torch.baddbmm(parts[1], d_scores.transpose(1, 2), q, beta=0, alpha=factor, out=parts[1])
            view = d_qkv[rows].view(n_texts, n_tokens, 3, n_heads, -1)
            view.copy_(parts.view(3, n_texts, n_heads, n_tokens, -1).permute(1, 3, 0, 2, 4))
        return d_qkv, None, None, None


def _blocks(runs: Sequence[tuple[int, int]], n_heads: int) -> Iterator[tuple[int, int, int]]:
    """Yield blocks of sequences of equal length: first row, number of sequences, and length."""
    start = 0
    for n_tokens, n_texts in runs:
        size = max(1, _BLOCK_WEIGHTS // (n_heads * n_tokens**2))
        for first in range(0, n_texts, size):
            n = min(size, n_texts - first)
            yield start + first * n_tokens, n, n_tokens
        start += n_texts * n_tokens


def _by_head(qkv: Tensor, n_texts: int, n_heads: int) -> Tensor:
    """Return queries, keys and values, shape `[3, n_texts * n_heads, n_tokens, width]`."""
    split = qkv.view(n_texts, len(qkv) // n_texts, 3, n_heads, -1)
    return split.permute(2, 0, 3, 1, 4).reshape(3, n_texts * n_heads, split.shape[1], -1)


def _weights(q: Tensor, k: Tensor) -> Tensor:
    """Return attention weights before dropout, shape `[n_texts * n_heads, n_tokens, n_tokens]`."""
    scores = q.new_empty(len(q), q.shape[1], k.shape[1])
    torch.baddbmm(scores, q, k.transpose(1, 2), beta=0, alpha=q.shape[-1] ** -0.5, out=scores)
    return scores.softmax(-1)


class _AddNorm(Function):
    @staticmethod
    def forward(
        ctx: Any,
        change: Tensor,
        residual: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        masks: MaskSource,
    ) -> Tensor:
        mask = masks.draw(*change.shape)
        total = change + residual if mask is None else _masked(change, mask)
        if mask is not None:
            total = torch.add(residual, total, alpha=masks.scale, out=total)
        normed, mean, deviation = torch.native_layer_norm(total, total.shape[1:], weight, bias, eps)
        ctx.save_for_backward(total, mean, deviation, weight, bias, mask)
        ctx.scale = masks.scale
        return normed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        total, mean, deviation, weight, bias, mask = ctx.saved_tensors
        need_change, need_residual, *need_own = ctx.needs_input_grad[:4]
        d_total, d_weight, d_bias = torch.ops.aten.native_layer_norm_backward(
            grad.contiguous(),
            total,
            total.shape[1:],
            mean,
            deviation,
            weight,
            bias,
            [need_change or need_residual, *need_own],
        )
        d_change = d_total
        if mask is not None and need_change:
            d_change = _masked(d_total, mask).mul_(ctx.scale)
        return d_change, d_total, d_weight, d_bias, None, None
