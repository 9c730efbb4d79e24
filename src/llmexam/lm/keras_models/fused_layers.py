"""Faster layers: one call of torch for a linear layer, and fused attention in evaluation.

Keras computes a linear layer of attention by `einsum` and adds the bias afterwards, which takes
two passes over the outputs. Its attention forms the matrix of weights wherever the layer has a
dropout rate, also in evaluation. The classes below give the same results.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llmexam.lm.keras_models.backend import import_keras


def use_fused_layers(backbone: Any) -> None:
    """Let the layers of a backbone compute with fused functions; their weights stay as they are."""
    classes = _fused_classes()
    for layer in backbone._flatten_layers():
        fused = classes.get(type(layer))
        if fused is not None and fused.fits(layer):
            # Only this object changes. Keras would track an assignment as a new layer.
            object.__setattr__(layer, "__class__", fused)


@cache
def _fused_classes() -> dict[type, Any]:
    keras = import_keras()
    classes = {keras.layers.MultiHeadAttention: _attention(keras)}
    if keras.backend.backend() == "torch":
        classes[keras.layers.Dense] = _dense(keras)
        classes[keras.layers.EinsumDense] = _einsum_dense(keras)
    return classes


def _dense(keras: Any) -> Any:
    class Dense(keras.layers.Dense):  # type: ignore[misc]
        """A dense layer that adds its bias in the matrix product."""

        @staticmethod
        def fits(layer: Any) -> bool:
            """Return whether a layer has a bias to add."""
            return layer.bias is not None

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            """Return the outputs."""
            outputs = _linear(keras, inputs, self.kernel, self.bias, 1)
            return outputs if self.activation is None else self.activation(outputs)

    return Dense


def _einsum_dense(keras: Any) -> Any:
    class EinsumDense(keras.layers.EinsumDense):  # type: ignore[misc]
        """A dense layer over several axes that is one matrix product."""

        @staticmethod
        def fits(layer: Any) -> bool:
            """Return whether the kernel's first axes are the last of the inputs, in order."""
            left, output = layer.equation.split("->")
            given, kernel = left.split(",")
            n_inputs = _n_inputs(layer.equation)
            return (
                layer.bias is not None
                and "..." not in layer.equation
                and given.endswith(kernel[:n_inputs])
                and output == given[: len(given) - n_inputs] + kernel[n_inputs:]
                and tuple(layer.bias.shape) == tuple(layer.kernel.shape[n_inputs:])
            )

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            """Return the outputs."""
            outputs = _linear(keras, inputs, self.kernel, self.bias, _n_inputs(self.equation))
            return outputs if self.activation is None else self.activation(outputs)

    return EinsumDense


def _attention(keras: Any) -> Any:
    ops = keras.ops
    on_torch = keras.backend.backend() == "torch"

    class MultiHeadAttention(keras.layers.MultiHeadAttention):  # type: ignore[misc]
        """Attention by the backend's fused function, unless dropout is to be drawn."""

        @staticmethod
        def fits(layer: Any) -> bool:
            """Return whether the layer attends over one axis."""
            return len(layer._attention_axes) == 1 and layer._sliding_window is None

        def _compute_attention(
            self,
            query: Any,
            key: Any,
            value: Any,
            attention_mask: Any = None,
            training: bool | None = None,
            return_attention_scores: bool = False,
            use_causal_mask: bool = False,
        ) -> Any:
            if return_attention_scores or use_causal_mask or (training and self._dropout > 0):
                return super()._compute_attention(
                    query, key, value, attention_mask, training, return_attention_scores
                )
            mask = attention_mask
            if mask is not None:
                # `[n_sequences, n_queries or 1, n_keys]`, the same for all heads.
                mask = ops.expand_dims(ops.cast(mask, "bool"), 1)
            scale = self._inverse_sqrt_key_dim
            if on_torch:
                return _torch_attention(query, key, value, mask, scale), None
            return ops.dot_product_attention(query, key, value, mask=mask, scale=scale), None

    return MultiHeadAttention


def _n_inputs(equation: str) -> int:
    """Return the number of axes that an equation of a dense layer sums over."""
    left, output = equation.split("->")
    return len(set(left.replace(",", "")) - set(output))


def _linear(keras: Any, inputs: Any, kernel: Any, bias: Any, n_inputs: int) -> Any:
    from torch.nn.functional import linear

    # Converted here, so that mixed precision applies to them.
    kernel = keras.ops.convert_to_tensor(kernel)
    bias = keras.ops.convert_to_tensor(bias)
    outputs = kernel.shape[n_inputs:]
    matrix = kernel.flatten(0, n_inputs - 1).flatten(1)
    flat = linear(inputs.flatten(-n_inputs), matrix.t(), bias.flatten())
    return flat if len(outputs) == 1 else flat.reshape(*inputs.shape[:-n_inputs], *outputs)


def _torch_attention(query: Any, key: Any, value: Any, mask: Any, scale: float) -> Any:
    import torch

    if mask is not None:
        # A mask of numbers, because rows that are padding alone would become NaN.
        lowest = torch.finfo(query.dtype).min
        mask = torch.where(mask, 0.0, lowest).to(query.dtype)
    query, key, value = (one.transpose(1, 2) for one in (query, key, value))
    found = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scale
    )
    return found.transpose(1, 2)
