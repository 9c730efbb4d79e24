"""Weights of BERT."""

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


class Bert(Architecture):
    """BERT, MiniLM and other encoders of the model type `bert`."""

    prefix = "bert"
    class_name = "Bert"

    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """
        from keras_hub.models import BertBackbone

        require_plain_encoder(config)
        require_types(config)
        backbone = BertBackbone(
            num_segments=config.integer("type_vocab_size"),
            vocabulary_size=config.integer("vocab_size"),
            max_sequence_length=config.integer("max_position_embeddings"),
            **sizes(config),
            dropout=rates.most,
            dtype=dtype,
        )
        set_layers(backbone, config, rates)
        return backbone

    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""
        return [*three_embeddings(backbone), *bert_layers(backbone)]

    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of."""
        hidden = config.number("hidden_dropout_prob")
        after = config.number("classifier_dropout", hidden)
        return HeadPlan("pooler.dense", True, 0.0, after, activation="tanh")

    def max_tokens(self, config: ModelConfig) -> int | None:
        """Return the context length in tokens."""
        return config.integer("max_position_embeddings")


def require_plain_encoder(config: ModelConfig) -> None:
    """Check that the layers are those of KerasHub's `TransformerEncoder`.

    Raises:
        ModelError: They are not.
    """
    config.require(
        "position_embedding_type",
        "absolute",
        None,
        default="absolute",
        why="KerasHub has absolute positions only",
    )
    for key in ("is_decoder", "add_cross_attention"):
        config.require(key, False, None, why="KerasHub has the encoder only")
    # Checks that heads divide the width, which Keras would round down.
    _ = config.head_size


def require_types(config: ModelConfig) -> None:
    """Check that there are at least two token types, because callers give both.

    Raises:
        ModelError: There are not.
    """
    if config.integer("type_vocab_size") < 2:
        config.require("type_vocab_size", 2, why="pairs of texts have two token types")


def sizes(config: ModelConfig) -> dict[str, int]:
    """Return the arguments of a backbone that most architectures share."""
    return {
        "num_layers": config.integer("num_hidden_layers"),
        "num_heads": config.integer("num_attention_heads"),
        "hidden_dim": config.integer("hidden_size"),
        "intermediate_dim": config.integer("intermediate_size"),
    }


def set_layers(backbone: Any, config: ModelConfig, rates: Rates) -> None:
    """Set dropout, epsilons and activation of a backbone as its configuration says."""
    epsilon = config.number("layer_norm_eps")
    activation = activation_of(config, "hidden_act")
    set_embeddings(backbone, rates, epsilon)
    for layer in backbone.transformer_layers:
        set_encoder_layer(layer, rates, epsilon, activation)


def three_embeddings(backbone: Any) -> list[Entry]:
    """Return the entries of embeddings of tokens, positions and types with their norm."""
    return [
        same(backbone.token_embedding.embeddings, "embeddings.word_embeddings.weight"),
        same(
            backbone.position_embedding.position_embeddings, "embeddings.position_embeddings.weight"
        ),
        same(backbone.segment_embedding.embeddings, "embeddings.token_type_embeddings.weight"),
        *norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm"),
    ]


def bert_layers(backbone: Any) -> list[Entry]:
    """Return the entries of all transformer layers with BERT's names."""
    return [
        entry
        for place, layer in enumerate(backbone.transformer_layers)
        for entry in encoder_layer(layer, Names.of_bert(f"encoder.layer.{place}"))
    ]
