"""Weights of DeBERTa-v3."""

from __future__ import annotations

from typing import Any

from llmexam.lm.keras_models.activations import activation_of
from llmexam.lm.keras_models.relative_attention import share_relative_embeddings
from llmexam.lm.keras_models.weights.architecture import Architecture, HeadPlan
from llmexam.lm.keras_models.weights.bert import sizes
from llmexam.lm.keras_models.weights.entries import Entry, norm, same
from llmexam.lm.keras_models.weights.layers import (
    Names,
    Rates,
    encoder_layer,
    set_around_attention,
    set_embeddings,
)
from llmexam.lm.keras_models.weights.model_config import ModelConfig

_RELATIVE = "KerasHub has the relative positions of DeBERTa-v3 only"
_PLAIN = "KerasHub's DeBERTa-v3 has no such part"


class Deberta(Architecture):
    """DeBERTa-v3, and models of the type `deberta-v2` with the same settings."""

    prefix = "deberta"
    class_name = "DebertaV2"
    # The published DeBERTa-v3 files have absolute positions, which the model does not use.
    unused = ("position_ids", "embeddings.position_embeddings.weight")

    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """
        from keras_hub.models import DebertaV3Backbone

        _require_v3(config)
        backbone = DebertaV3Backbone(
            vocabulary_size=config.integer("vocab_size"),
            # No limit of the length, but the distance from which the buckets no longer grow.
            max_sequence_length=_farthest(config),
            bucket_size=config.integer("position_buckets"),
            **sizes(config),
            dropout=rates.most,
            dtype=dtype,
        )
        epsilon = config.number("layer_norm_eps")
        activation = activation_of(config, "hidden_act")
        set_embeddings(backbone, rates, epsilon)
        backbone.relative_embeddings.layer_norm.epsilon = epsilon
        share_relative_embeddings(backbone)
        for layer in backbone.transformer_layers:
            attention = layer._self_attention_layer
            attention._position_dropout_layer.rate = rates.hidden
            attention._attn_dropout_layer.rate = rates.attention
            set_around_attention(layer, rates, epsilon, activation)
        return backbone

    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""
        relative = backbone.relative_embeddings
        layers = [
            entry
            for place, layer in enumerate(backbone.transformer_layers)
            for entry in encoder_layer(layer, Names.of_bert(f"encoder.layer.{place}", "_proj"))
        ]
        return [
            same(backbone.token_embedding.embeddings, "embeddings.word_embeddings.weight"),
            *norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm"),
            same(relative.rel_embeddings, "encoder.rel_embeddings.weight"),
            *norm(relative.layer_norm, "encoder.LayerNorm"),
            *layers,
        ]

    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of.

        Raises:
            ModelError: Its width differs from the model's.
        """
        width = config.integer("hidden_size")
        config.require("pooler_hidden_size", width, None, why=_PLAIN)
        after = config.number("cls_dropout", config.number("hidden_dropout_prob"))
        before = config.number("pooler_dropout")
        return HeadPlan("pooler.dense", False, before, after, activation_key="pooler_hidden_act")

    def max_tokens(self, config: ModelConfig) -> int | None:
        """Return None: relative positions do not limit the length."""
        return None


def _require_v3(config: ModelConfig) -> None:
    config.require("relative_attention", True, why=_RELATIVE)
    config.require("share_att_key", True, default=False, why=_RELATIVE)
    config.require("norm_rel_ebd", "layer_norm", default="none", why=_RELATIVE)
    config.require("position_biased_input", False, why="KerasHub has no absolute positions")
    config.require("pos_att_type", ["c2p", "p2c"], ["p2c", "c2p"], why=_RELATIVE)
    config.require("type_vocab_size", 0, why="KerasHub's DeBERTa-v3 has no token types")
    config.require("conv_kernel_size", 0, None, why=_PLAIN)
    config.require("embedding_size", config.integer("hidden_size"), None, why=_PLAIN)
    config.require("attention_head_size", config.head_size, None, why=_PLAIN)
    # Checked because missing buckets mean one position for each distance.
    config.integer("position_buckets")


def _farthest(config: ModelConfig) -> int:
    largest = config.values.get("max_relative_positions", -1)
    return largest if largest and largest > 0 else config.integer("max_position_embeddings")
