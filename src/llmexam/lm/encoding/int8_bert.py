"""BERT layers in int8 with fixed ranges of activations, for processors with VNNI or AMX.

Weights have one scale per output, activations one scale per layer input, measured on calibration
texts (`activation_ranges`). Fixed scales let oneDNN apply bias, GELU, requantisation and the
residual within the product, and a token does not depend on the others. Two measures limit the
error: inputs are divided by a factor per channel that the weights are multiplied by (SmoothQuant,
arXiv 2211.10438), and the few channels with the largest values after GELU are computed in fp32
(LLM.int8(), arXiv 2208.07339).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812

from llmexam.lm.encoding.packed_bert import Attention, PackedBert

if TYPE_CHECKING:
    from torch import Tensor

_SMALLEST = 1e-12
# Just below GELU's minimum.
_GELU_LOW = -0.17
# Exponent of the ranges of activations in the smoothing factors, by layer input (measured).
_SMOOTHING = {"qkv": 0.7, "out": 0.5, "up": 0.7}
# Outputs of GELU that are computed in fp32.
_N_OUTLIERS = 4
# Up to this length, two batched products are faster in fp32 than the fused kernel (measured).
_PLAIN_TOKENS = 64


class Range:
    """Smallest and largest value of each channel of a layer's inputs.

    Args:
        n_channels: Number of channels.
    """

    def __init__(self, n_channels: int) -> None:
        self.low = torch.zeros(n_channels)
        self.high = torch.zeros(n_channels)

    def see(self, hidden: Tensor) -> None:
        """Widen the range by vectors, shape `[n_tokens, n_channels]`."""
        self.low = torch.minimum(self.low, hidden.amin(0))
        self.high = torch.maximum(self.high, hidden.amax(0))

    @property
    def largest(self) -> Tensor:
        """Largest absolute value of each channel."""
        return torch.maximum(-self.low, self.high).clamp_min(_SMALLEST)


class RangedLinear:
    """A linear layer that records the range of its inputs.

    Args:
        linear: The layer.
        n_in: Number of its inputs.
    """

    def __init__(self, linear: Any, n_in: int) -> None:
        self.range = Range(n_in)
        self._linear = linear

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the product and bias."""
        self.range.see(hidden)
        return self._linear(hidden)  # type: ignore[no-any-return]

    def gelu(self, hidden: Tensor) -> Tensor:
        """Return the exact GELU of the product and bias."""
        self.range.see(hidden)
        return self._linear.gelu(hidden)  # type: ignore[no-any-return]

    def add(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """Return product, bias and residual together."""
        self.range.see(hidden)
        return self._linear.add(hidden, residual)  # type: ignore[no-any-return]


class _Codes:
    """Maps fp32 inputs to uint8 with one step per channel.

    Args:
        inputs: Range of the inputs.
        factors: Smoothing factors, one per channel.
    """

    def __init__(self, inputs: Range, factors: Tensor) -> None:
        low, high = float((inputs.low / factors).min()), float((inputs.high / factors).max())
        step = max((high - low) / 255, _SMALLEST)
        self.zero = min(255, max(0, round(-low / step)))
        self.steps = factors * step
        # The extra half turns the truncation of the integer conversion into rounding. A full row,
        # because torch adds a scalar three times as slowly (measured).
        self._shift = torch.full_like(factors, self.zero + 0.5)
        self._rates = self.steps.reciprocal()

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return codes, uint8, same shape; values out of range get the nearest code."""
        return torch.addcmul(self._shift, hidden, self._rates).clamp_(0, 255).to(torch.uint8)


class _Product:
    """A product of codes with an int8 weight, by oneDNN.

    Args:
        weight: Shape `[n_out, n_in]`, for the values of the codes minus `zero`.
        bias: Shape `[n_out]`.
        zero: The code of 0.
    """

    def __init__(self, weight: Tensor, bias: Tensor, zero: int) -> None:
        scales = (weight.abs().amax(1) / 127).clamp_min_(_SMALLEST)
        codes = (weight / scales[:, None]).round_().to(torch.int8)
        packed = torch.ops.onednn.qlinear_prepack(codes, None)
        zeros = torch.zeros(len(weight), dtype=torch.int8)
        self._inputs = (1.0, zero, packed, scales, zeros)
        self._bias = bias

    def __call__(self, codes: Tensor) -> Tensor:
        """Return product and bias, fp32."""
        plain: tuple[Any, ...] = (self._bias, 1.0, 0, torch.float32, "none", [], "")
        return torch.ops.onednn.qlinear_pointwise.default(codes, *self._inputs, *plain)  # type: ignore[no-any-return]

    def gelu(self, codes: Tensor, step: float, zero: int) -> Tensor:
        """Return the exact GELU of product and bias, as codes."""
        fused: tuple[Any, ...] = (self._bias, step, zero, torch.uint8, "gelu", [], "none")
        return torch.ops.onednn.qlinear_pointwise.default(codes, *self._inputs, *fused)  # type: ignore[no-any-return]

    def add(self, codes: Tensor, residual: Tensor) -> Tensor:
        """Return product, bias and residual together, fp32."""
        fused: tuple[Any, ...] = (
            *(residual, self._bias, 1.0, 0, torch.float32),
            *(1.0, 0, "add", 1.0, "none", [], ""),
        )
        return torch.ops.onednn.qlinear_pointwise.binary(codes, *self._inputs, *fused)  # type: ignore[no-any-return]


class _Mlp:
    """Both linear layers of an MLP, with GELU between them.

    Args:
        up: Weight and bias of the first layer.
        down: Weight and bias of the second.
        inputs: Codes of the first layer's inputs.
        inner: Range of the second layer's inputs.
    """

    def __init__(
        self, up: tuple[Tensor, Tensor], down: tuple[Tensor, Tensor], inputs: _Codes, inner: Range
    ) -> None:
        (w_up, b_up), (w_down, b_down) = up, down
        order = inner.high.argsort(descending=True, stable=True)
        # A tiny model may have fewer channels.
        n_outliers = min(_N_OUTLIERS, len(order) - 1)
        outliers, rest = order[:n_outliers], order[n_outliers:]
        self._step = (max(float(inner.high[rest].max()), -_GELU_LOW) - _GELU_LOW) / 255
        self._zero = round(-_GELU_LOW / self._step)
        self._outliers = w_up[outliers].contiguous(), b_up[outliers].contiguous()
        self._back = w_down[:, outliers].T.contiguous()
        coded = w_down.clone()
        coded[:, outliers] = 0
        self._codes = inputs
        self._up = _Product(w_up * inputs.steps, b_up, inputs.zero)
        self._down = _Product(coded * self._step, b_down, self._zero)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the sum of the inputs and the MLP's outputs, shape `[n_tokens, dim]`."""
        large = F.gelu(F.linear(hidden, *self._outliers))
        codes = self._up.gelu(self._codes(hidden), self._step, self._zero)
        return self._down.add(codes, torch.addmm(hidden, large, self._back))


class Int8Layer:
    """A layer with int8 products; attention, norms and the residual stream are fp32.

    Args:
        weights: Those of `prepared_bert.layer_weights`, fp32 on the CPU.
        ranges: Ranges of the inputs of the projections to query, key and value, of the output
            projection, and of the two layers of the MLP.
        n_heads: Number of attention heads.
        eps: Epsilon of the layer norms.
        last: Whether it is the last layer, where first tokens may be the only queries.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        ranges: Sequence[Range],
        n_heads: int,
        eps: float,
        *,
        last: bool,
    ) -> None:
        w_qkv, b_qkv, w_out, b_out, g1, b1, w_up, b_up, w_down, b_down, g2, b2 = weights
        dim = len(b_out)
        self._heads = (n_heads, dim // n_heads)
        self._eps = eps
        self._inputs = _smooth(ranges[0], w_qkv, "qkv")
        steps, zero = self._inputs.steps, self._inputs.zero
        self._qkv = _Product(w_qkv * steps, b_qkv, zero)
        self._q = _Product(w_qkv[:dim] * steps, b_qkv[:dim], zero) if last else None
        self._kv = _Product(w_qkv[dim:] * steps, b_qkv[dim:], zero) if last else None
        self._mixed = _smooth(ranges[1], w_out, "out")
        self._out = _Product(w_out * self._mixed.steps, b_out, self._mixed.zero)
        self._norm_1, self._norm_2 = (g1, b1), (g2, b2)
        inner = _smooth(ranges[2], w_up, "up")
        self._mlp = _Mlp((w_up, b_up), (w_down, b_down), inner, ranges[3])

    def attention(self, queries: Tensor, *, first_only: bool) -> Attention:
        """Return the attention settings; the queries are already scaled."""
        return Attention(scale=1.0, plain_tokens=sys.maxsize if first_only else _PLAIN_TOKENS)

    def project(self, asking: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values."""
        codes = self._inputs(hidden)
        if asking is hidden:
            q, k, v = self._qkv(codes).view(-1, 3, *self._heads).unbind(1)
            return q, k, v
        assert self._q is not None
        assert self._kv is not None
        k, v = self._kv(codes).view(-1, 2, *self._heads).unbind(1)
        return self._q(self._inputs(asking)).view(-1, *self._heads), k, v

    def finish(self, mixed: Tensor, asking: Tensor) -> Tensor:
        """Return the layer's output."""
        shape = asking.shape[1:]
        summed = self._out.add(self._mixed(mixed), asking)
        hidden = F.layer_norm(summed, shape, *self._norm_1, self._eps)
        return F.layer_norm(self._mlp(hidden), shape, *self._norm_2, self._eps)


def _smooth(inputs: Range, weight: Tensor, place: str) -> _Codes:
    """Return the codes of inputs, with the smoothing factors of SmoothQuant, section 4."""
    alpha = _SMOOTHING[place]
    factors = inputs.largest**alpha / weight.abs().amax(0).clamp_min(_SMALLEST) ** (1 - alpha)
    # Channels that are always 0 must not get factors near 0.
    return _Codes(inputs, factors.clamp_min(float(factors.max()) * 1e-4))


def measure_ranges(
    bert: PackedBert, sequences: Sequence[tuple[Sequence[int], Sequence[int]]], n_tokens: int = 2048
) -> None:
    """Run calibration sequences through a pass whose layers record ranges.

    Args:
        bert: The pass, with `RangedLinear` layers.
        sequences: Token ids and types of each sequence.
        n_tokens: Tokens to compute at a time, about.
    """
    ordered = sorted(sequences, key=lambda one: len(one[0]))
    begin = n_so_far = 0
    for place, (ids, _) in enumerate(ordered, 1):
        n_so_far += len(ids)
        if n_so_far >= n_tokens or place == len(ordered):
            batch = ordered[begin:place]
            tokens = torch.tensor([token for ids, _ in batch for token in ids])
            types = torch.tensor([kind for _, kinds in batch for kind in kinds])
            with torch.inference_mode():
                bert(tokens, types, [len(ids) for ids, _ in batch])
            begin, n_so_far = place, 0
