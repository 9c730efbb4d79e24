"""Weights of ELECTRA."""

from __future__ import annotations

from typing import Any

from llmexam.lm.keras_models.weights.architecture import Architecture, HeadPlan
from llmexam.lm.keras_models.weights.bert import (
    bert_layers,
    require_plain_encoder,
    require_types,
    set_layers,
    sizes,
    three_embeddings,
)
from llmexam.lm.keras_models.weights.entries import Entry, linear
from llmexam.lm.keras_models.weights.layers import Rates
from llmexam.lm.keras_models.weights.model_config import ModelConfig

_SUMMARY = "the head of KerasHub is a dense layer over the first token"


class Electra(Architecture):
    """ELECTRA: BERT with embeddings of a width of their own, and without a pooler."""

    prefix = "electra"
    class_name = "Electra"
    roots = ("embeddings.", "embeddings_project.", "encoder.")

    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """
        from keras_hub.models import ElectraBackbone

        require_plain_encoder(config)
        require_types(config)
        backbone = ElectraBackbone(
            vocab_size=config.integer("vocab_size"),
            embedding_dim=config.integer("embedding_size"),
            num_segments=config.integer("type_vocab_size"),
            max_sequence_length=config.integer("max_position_embeddings"),
            **sizes(config),
            dropout=rates.most,
            dtype=dtype,
        )
        set_layers(backbone, config, rates)
        return backbone

    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""
        entries = three_embeddings(backbone)
        if config.integer("embedding_size") != config.integer("hidden_size"):
            entries += linear(backbone.embeddings_projection, "embeddings_project")
        return [*entries, *bert_layers(backbone)]

    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of.

        Raises:
            ModelError: It is not a dense layer over the first token.
        """
        config.require("summary_type", "first", default="first", why=_SUMMARY)
        config.require("summary_use_proj", True, default=True, why=_SUMMARY)
        config.require("summary_proj_to_labels", False, None, why=_SUMMARY)
        return HeadPlan(
            "sequence_summary.summary",
            False,
            config.number("summary_first_dropout"),
            config.number("summary_last_dropout"),
            activation_key="summary_activation",
        )

    def max_tokens(self, config: ModelConfig) -> int | None:
        """Return the context length in tokens."""
        return config.integer("max_position_embeddings")
