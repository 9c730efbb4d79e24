"""Weights of DistilBERT."""

from __future__ import annotations

from typing import Any

from llmexam.lm.keras_models.activations import activation_of
from llmexam.lm.keras_models.weights.architecture import Architecture, HeadPlan
from llmexam.lm.keras_models.weights.entries import Entry, norm, same
from llmexam.lm.keras_models.weights.layers import (
    Names,
    Rates,
    encoder_layer,
    set_embeddings,
    set_encoder_layer,
)
from llmexam.lm.keras_models.weights.model_config import ModelConfig

# A constant in transformers.
_EPSILON = 1e-12


class DistilBert(Architecture):
    """DistilBERT: BERT without token types and pooler."""

    prefix = "distilbert"
    class_name = "DistilBert"
    roots = ("embeddings.", "transformer.")

    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """
        from keras_hub.models import DistilBertBackbone

        # Checks that heads divide the width, which Keras would round down.
        _ = config.head_size
        backbone = DistilBertBackbone(
            vocabulary_size=config.integer("vocab_size"),
            num_layers=config.integer("n_layers"),
            num_heads=config.integer("n_heads"),
            hidden_dim=config.integer("dim"),
            intermediate_dim=config.integer("hidden_dim"),
            max_sequence_length=config.integer("max_position_embeddings"),
            dropout=rates.most,
            dtype=dtype,
        )
        activation = activation_of(config, "activation")
        set_embeddings(backbone, rates, _EPSILON)
        for layer in backbone.transformer_layers:
            set_encoder_layer(layer, rates, _EPSILON, activation)
        return backbone

    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""
        embeddings = backbone.embeddings
        layers = [
            entry
            for place, layer in enumerate(backbone.transformer_layers)
            for entry in encoder_layer(layer, _names(f"transformer.layer.{place}"))
        ]
        return [
            same(embeddings.token_embedding.embeddings, "embeddings.word_embeddings.weight"),
            same(
                embeddings.position_embedding.position_embeddings,
                "embeddings.position_embeddings.weight",
            ),
            *norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm"),
            *layers,
        ]

    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of."""
        after = config.number("seq_classif_dropout")
        return HeadPlan("pre_classifier", False, 0.0, after, activation="relu")

    def max_tokens(self, config: ModelConfig) -> int | None:
        """Return the context length in tokens."""
        return config.integer("max_position_embeddings")

    def rates(self, config: ModelConfig) -> Rates:
        """Return the dropout rates of the configuration."""
        return Rates(config.number("dropout"), config.number("attention_dropout"))


def _names(layer: str) -> Names:
    return Names(
        f"{layer}.attention.q_lin",
        f"{layer}.attention.k_lin",
        f"{layer}.attention.v_lin",
        f"{layer}.attention.out_lin",
        f"{layer}.sa_layer_norm",
        f"{layer}.ffn.lin1",
        f"{layer}.ffn.lin2",
        f"{layer}.output_layer_norm",
    )
