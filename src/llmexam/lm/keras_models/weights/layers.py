"""Layers that several architectures share: embeddings and the transformer layer of KerasHub.

KerasHub sets dropout rates, layer norms' epsilons and the activation when it makes a layer, the
same for all of it or none to choose. They are set here again, as the configuration says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmexam.lm.keras_models.weights.entries import Entry, linear, norm


@dataclass(frozen=True, slots=True)
class Rates:
    """Dropout rates of an encoder.

    Attributes:
        hidden: After the embeddings and each half of a layer.
        attention: Of the attention weights.
    """

    hidden: float
    attention: float

    @property
    def most(self) -> float:
        """The rate to build layers with: a dropout built with 0 cannot be raised later."""
        return max(self.hidden, self.attention)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a transformer layer's modules in the file."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str

    @classmethod
    def of_bert(cls, layer: str, projection: str = "") -> Names:
        """Return the names of a layer of BERT and the architectures made from it.

        Args:
            layer: Name of the layer.
            projection: Ending of the names of query, key and value.
        """
        query, key, value = (
            f"{layer}.attention.self.{one}{projection}" for one in ("query", "key", "value")
        )
        return cls(
            query,
            key,
            value,
            f"{layer}.attention.output.dense",
            f"{layer}.attention.output.LayerNorm",
            f"{layer}.intermediate.dense",
            f"{layer}.output.dense",
            f"{layer}.output.LayerNorm",
        )


def encoder_layer(layer: Any, names: Names) -> list[Entry]:
    """Return the entries of a `TransformerEncoder` or `DisentangledAttentionEncoder`."""
    attention = layer._self_attention_layer
    return [
        *linear(attention._query_dense, names.query),
        *linear(attention._key_dense, names.key),
        *linear(attention._value_dense, names.value),
        *linear(
            attention._output_dense,
            names.attention_output,
            # The attention of Keras joins the heads in its last layer, the other one before it.
            n_inputs=len(attention._output_dense.kernel.shape) - 1,
        ),
        *norm(layer._self_attention_layer_norm, names.attention_norm),
        *linear(layer._feedforward_intermediate_dense, names.intermediate),
        *linear(layer._feedforward_output_dense, names.output),
        *norm(layer._feedforward_layer_norm, names.output_norm),
    ]


def set_encoder_layer(
    layer: Any, rates: Rates, epsilon: float, activation: Callable[[Any], Any]
) -> None:
    """Set dropout, epsilons and activation of a `TransformerEncoder`."""
    attention = layer._self_attention_layer
    # With a rate of 0, the layer uses the fused attention of the backend.
    attention._dropout = rates.attention
    attention._dropout_layer.rate = rates.attention
    set_around_attention(layer, rates, epsilon, activation)


def set_around_attention(
    layer: Any, rates: Rates, epsilon: float, activation: Callable[[Any], Any]
) -> None:
    """Set what surrounds the attention of a layer; the two kinds of layers share it."""
    layer._self_attention_dropout.rate = rates.hidden
    layer._feedforward_dropout.rate = rates.hidden
    layer._self_attention_layer_norm.epsilon = epsilon
    layer._feedforward_layer_norm.epsilon = epsilon
    layer._feedforward_intermediate_dense.activation = activation
    layer.activation = activation
    layer.layer_norm_epsilon = epsilon


def set_embeddings(backbone: Any, rates: Rates, epsilon: float) -> None:
    """Set dropout and epsilon of a backbone's embeddings."""
    backbone.embeddings_dropout.rate = rates.hidden
    backbone.embeddings_layer_norm.epsilon = epsilon
