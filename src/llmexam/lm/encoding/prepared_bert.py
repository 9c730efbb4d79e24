"""BERT weights copied into the fastest layout for scoring, in a chosen number type."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812

from llmexam.lm.encoding.int8_bert import Int8Layer, Range, RangedLinear, measure_ranges
from llmexam.lm.encoding.linear import FusedLinear, PlainLinear, make_linear
from llmexam.lm.encoding.packed_bert import Attention, PackedBert
from llmexam.lm.encoding.spans import Spans

if TYPE_CHECKING:
    from torch import Tensor

# Up to this length, two batched products are faster than the fused kernel (measured).
_PLAIN_TOKENS = 128


def prepare_bert(model: Any, dtype: torch.dtype, device: torch.device) -> PackedBert:
    """Return the forward pass over copies of a model's weights, without gradients.

    Args:
        model: A transformers `BertModel` that satisfies `can_pack`; it can be freed after.
        dtype: Compute type.
        device: The device.
    """
    moved = _Mover(dtype, device)
    n_heads, eps = int(model.config.num_attention_heads), float(model.config.layer_norm_eps)
    last = len(model.encoder.layer) - 1
    layers = [
        _PreparedLayer(moved(*layer_weights(layer)), n_heads, eps, last=i == last)
        for i, layer in enumerate(model.encoder.layer)
    ]
    return PackedBert(_embedding_of(model, moved), layers, int(model.config.hidden_size))


def prepare_int8_bert(
    model: Any, sequences: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> PackedBert:
    """Return the forward pass with int8 layers on the CPU; see `require_int8`.

    Args:
        model: A transformers `BertModel` that satisfies `can_pack`; it can be freed after.
        sequences: Token ids and types of calibration sequences, which fix the ranges of
            activations.
    """
    moved = _Mover(torch.float32, torch.device("cpu"))
    n_heads, eps = int(model.config.num_attention_heads), float(model.config.layer_norm_eps)
    dim = int(model.config.hidden_size)
    embedding = _embedding_of(model, moved)
    weights = [moved(*layer_weights(layer)) for layer in model.encoder.layer]
    recording = [_PreparedLayer(own, n_heads, eps, last=False, records=True) for own in weights]
    measure_ranges(PackedBert(embedding, recording, dim), sequences)
    layers = [
        Int8Layer(own, layer.ranges(), n_heads, eps, last=layer is recording[-1])
        for own, layer in zip(weights, recording, strict=True)
    ]
    return PackedBert(embedding, layers, dim)


Linear = PlainLinear | FusedLinear | RangedLinear


class _Mover:
    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        return [t.detach().to(self._device, self._dtype).contiguous() for t in tensors]


def _embedding_of(model: Any, moved: _Mover) -> _PreparedEmbedding:
    parts = model.embeddings
    types = parts.token_type_embeddings.weight
    weights = moved(
        parts.word_embeddings.weight,
        # Most tokens have type 0, so its vector is added to the position embeddings once.
        parts.position_embeddings.weight + types[0],
        types - types[0],
        parts.LayerNorm.weight,
        parts.LayerNorm.bias,
    )
    return _PreparedEmbedding(weights, float(model.config.layer_norm_eps))


class _PreparedEmbedding:
    def __init__(self, weights: list[Tensor], eps: float) -> None:
        self._words, self._positions, self._types, self._norm_w, self._norm_b = weights
        self._eps = eps

    def __call__(self, ids: Tensor, types: Tensor | None, spans: Spans) -> Tensor:
        places = F.embedding(spans.positions(), self._positions)
        hidden = F.embedding(ids, self._words).add_(places)
        if types is not None:
            hidden = hidden.add_(F.embedding(types, self._types))
        return F.layer_norm(hidden, hidden.shape[1:], self._norm_w, self._norm_b, self._eps)


class _PreparedLayer:
    def __init__(
        self,
        weights: list[Tensor],
        n_heads: int,
        eps: float,
        *,
        last: bool,
        records: bool = False,
    ) -> None:
        make = _make_recording if records else make_linear
        w_qkv, b_qkv, w_out, b_out, g1, b1, w_up, b_up, w_down, b_down, g2, b2 = weights
        dim = len(b_out)
        self._heads = (n_heads, dim // n_heads)
        self._eps = eps
        self._qkv: Linear = make(w_qkv, b_qkv)
        # If only first tokens attend (last layer), the other queries are not computed.
        self._q: Linear | None = make(w_qkv[:dim], b_qkv[:dim]) if last else None
        self._kv: Linear | None = make(w_qkv[dim:], b_qkv[dim:]) if last else None
        self._out: Linear = make(w_out, b_out)
        self._norm_1 = (g1, b1)
        self._up: Linear = make(w_up, b_up)
        self._down: Linear = make(w_down, b_down)
        self._norm_2 = (g2, b2)

    def ranges(self) -> list[Range]:
        """Return the recorded ranges of the inputs of the four linear layers."""
        linears = (self._qkv, self._out, self._up, self._down)
        return [linear.range for linear in linears if isinstance(linear, RangedLinear)]

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        # The queries are already scaled; see `layer_weights`.
        return Attention(scale=1.0, plain_tokens=sys.maxsize if first_only else _PLAIN_TOKENS)

    def project(self, asking: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if asking is hidden:
            q, k, v = self._qkv(hidden).view(-1, 3, *self._heads).unbind(1)
            return q, k, v
        assert self._q is not None
        assert self._kv is not None
        k, v = self._kv(hidden).view(-1, 2, *self._heads).unbind(1)
        return self._q(asking).view(-1, *self._heads), k, v

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        shape = asking.shape[1:]
        hidden = F.layer_norm(self._out.add(mixed, asking), shape, *self._norm_1, self._eps)
        out = self._down.add(self._up.gelu(hidden), hidden)
        return F.layer_norm(out, shape, *self._norm_2, self._eps)


def _make_recording(weight: Tensor, bias: Tensor) -> RangedLinear:
    return RangedLinear(make_linear(weight, bias), weight.shape[1])


def layer_weights(layer: Any) -> list[Tensor]:
    """Return the weights of a BERT layer, with query, key and value projections concatenated.

    The scale of attention scores is folded into the query projection, which saves one operation.
    """
    own, after = layer.attention.self, layer.attention.output
    scale = own.attention_head_size**-0.5
    return [
        torch.cat([own.query.weight * scale, own.key.weight, own.value.weight]),
        torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]),
        after.dense.weight,
        after.dense.bias,
        after.LayerNorm.weight,
        after.LayerNorm.bias,
        layer.intermediate.dense.weight,
        layer.intermediate.dense.bias,
        layer.output.dense.weight,
        layer.output.dense.bias,
        layer.output.LayerNorm.weight,
        layer.output.LayerNorm.bias,
    ]
