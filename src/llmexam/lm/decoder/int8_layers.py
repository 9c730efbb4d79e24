"""Linear layers of a decoder in int8 on a CPU: static weights, dynamic inputs.

Weights have one scale per output, inputs one per token, so a token's result does not depend on
the others. Without VNNI, processors add pairs of products in 16 bits, which overflow for codes of
8 bits, so weights get 7 bits there: halving the precision of the inputs instead changes
log-likelihoods about twice as much (docs/log.md), because inputs have outliers.

The inputs of the last projection of an MLP have the largest outliers, products of an activation and
a gate. They are divided into blocks with a scale each, so that an outlier costs its own block only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from llmexam.errors import ModelError
from llmexam.lm.decoder.binary_head import HEAD_NAME
from llmexam.lm.encoding.int8_linear import Int8Weight, require_onednn
from llmexam.lm.models.precision import has_wide_sums

_ZERO, _LARGEST = 128, 127
_SMALLEST = 1e-12
# Blocks of inputs of an MLP's last projection.
_BLOCKS = 4
# Numbers that are quantised at a time, so that intermediate results stay in the processor's cache.
_CHUNK = 1 << 18
# Largest codes of weights, with and without 32-bit sums of products.
_WIDE, _NARROW = 127, 63


def int8_name() -> str:
    """Return a name of the arithmetic on this processor; results with another name differ."""
    return "int8-dynamic" if has_wide_sums() else "int8-dynamic-7bit"


def quantise_layers(model: Any) -> None:
    """Replace the linear layers of a decoder, output head included, by int8 ones, in place.

    Each layer's fp32 weight is released before the next one is quantised. Embeddings, norms and
    binary heads keep fp32.

    Args:
        model: A transformers model in fp32 on the CPU.

    Raises:
        ModelError: torch has no int8 operators, most weights are not in linear layers, or the
            model's code does more with its layers than calling them.
    """
    require_onednn()
    largest = _WIDE if has_wide_sums() else _NARROW
    _require_linear_layers(model)
    inputs, width = _Inputs(), model.config.get_text_config().hidden_size
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is torch.nn.Linear and name != HEAD_NAME:
                n_blocks = _BLOCKS if _ends_mlp(layer, width) else 1
                setattr(parent, name, Int8Layer(layer, largest, inputs, parent, n_blocks))
    _require_runs(model)


class Int8Layer(torch.nn.Module):
    """A linear layer in int8.

    Args:
        linear: The layer to replace, fp32 on the CPU.
        largest: Largest code of its weights.
        inputs: The quantiser of inputs, common to the layers of a model.
        parent: The module that has the layer.
        n_blocks: Blocks of inputs with a scale of their own.
    """

    def __init__(
        self,
        linear: torch.nn.Linear,
        largest: int,
        inputs: _Inputs,
        parent: torch.nn.Module,
        n_blocks: int = 1,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = None if linear.bias is None else linear.bias.detach()
        # Packing needs contiguous blocks.
        self._weights = [
            Int8Weight(block.contiguous(), largest)
            for block in linear.weight.detach().tensor_split(n_blocks, dim=1)
        ]
        self._inputs, self._parent = inputs, id(parent)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the product and bias, shape `[..., n_out]`."""
        parts = self._inputs.quantise(hidden, self._parent, len(self._weights))
        out: Tensor | None = None
        for weight, (codes, steps) in zip(self._weights, parts, strict=True):
            product = weight.product(codes, _ZERO)
            # In place: another tensor of this size takes longer than the arithmetic.
            out = product.mul_(steps) if out is None else out.addcmul_(product, steps)
        assert out is not None
        if self.bias is not None:
            out.add_(self.bias)
        return out.view(*hidden.shape[:-1], self.out_features)


class _Inputs:
    """Quantises inputs, once for layers of one module that read the same tensor.

    Such layers are the projections to queries, keys and values, and the two of a gated MLP.
    """

    def __init__(self) -> None:
        # One tuple, so that threads read a consistent state.
        self._last: tuple[tuple[int, int], Tensor, list[tuple[Tensor, Tensor]]] | None = None

    def quantise(self, hidden: Tensor, parent: int, n_blocks: int) -> list[tuple[Tensor, Tensor]]:
        """Return codes `[n_tokens, n_in]` and steps `[n_tokens, 1]` of each block of inputs."""
        last = self._last
        if last is not None and last[0] == (parent, n_blocks) and last[1] is hidden:
            return last[2]
        rows = hidden.reshape(-1, hidden.shape[-1])
        found = [quantise_tokens(block) for block in rows.tensor_split(n_blocks, dim=1)]
        self._last = ((parent, n_blocks), hidden, found)
        return found


def quantise_tokens(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes 1 to 255 around 128, uint8, and the step of each token, `[n_tokens, 1]`.

    Args:
        hidden: Shape `[n_tokens, n_in]`.
    """
    n_tokens, n_in = hidden.shape
    codes = torch.empty(hidden.shape, dtype=torch.int8)
    steps = torch.empty(n_tokens, 1)
    n_rows = max(1, min(n_tokens, _CHUNK // n_in))
    buffer = torch.empty(n_rows, n_in)
    for begin in range(0, n_tokens, n_rows):
        rows = slice(begin, begin + n_rows)
        some, step = hidden[rows], steps[rows]
        scaled = buffer[: len(some)]
        torch.abs(some, out=scaled)
        torch.amax(scaled, -1, keepdim=True, out=step)
        step.div_(_LARGEST).clamp_min_(_SMALLEST)
        torch.mul(some, step.reciprocal(), out=scaled)
        codes[rows] = scaled.round_()
    # The same as adding 128. torch converts to int8 faster than to uint8.
    return codes.view(torch.uint8).bitwise_xor_(_ZERO), steps


def _ends_mlp(layer: torch.nn.Linear, width: int) -> bool:
    """Return whether a layer projects many inputs to states, as the last one of an MLP."""
    return layer.out_features == width and layer.in_features >= 2 * width


def _require_linear_layers(model: Any) -> None:
    outer = {model.get_input_embeddings(), model.get_output_embeddings()}
    layers = [m for m in model.modules() if type(m) is torch.nn.Linear and m not in outer]
    inside = {id(m.weight): m.weight.numel() for m in layers}
    skipped = {id(p) for m in outer if m is not None for p in m.parameters()}
    total = sum(p.numel() for p in model.parameters() if id(p) not in skipped and p.dim() > 1)
    if 2 * sum(inside.values()) <= total:
        raise ModelError(
            "int8 on a CPU quantizes torch.nn.Linear layers only, but most weights of a model of "
            f"type '{model.config.model_type}' are in others",
            hint="Use precision: fp32 or auto",
        )


def _require_runs(model: Any) -> None:
    try:
        with torch.inference_mode():
            states = model.base_model(input_ids=torch.zeros(1, 2, dtype=torch.long))[0]
    except Exception as error:  # a model's own code may raise anything
        raise ModelError(
            f"int8 on a CPU does not support models of type '{model.config.model_type}': {error}",
            hint="Use precision: fp32 or auto",
        ) from error
    if not bool(states.isfinite().all()):
        raise ModelError(
            "int8 on a CPU gives states that are not finite for a model of type "
            f"'{model.config.model_type}'",
            hint="Use precision: fp32 or auto",
        )
