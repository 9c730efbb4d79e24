"""Weights of RoBERTa and XLM-RoBERTa."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexam.errors import ModelError
from llmexam.lm.keras_models.weights.architecture import Architecture, HeadPlan
from llmexam.lm.keras_models.weights.bert import (
    bert_layers,
    require_plain_encoder,
    set_layers,
    sizes,
)
from llmexam.lm.keras_models.weights.entries import Array, Entry, norm, same
from llmexam.lm.keras_models.weights.layers import Rates
from llmexam.lm.keras_models.weights.model_config import ModelConfig


class Roberta(Architecture):
    """RoBERTa.

    Its positions start after the padding id, and its only token type is a constant. The backbone
    has neither: the positions begin at 0, and the constant is added to them.
    """

    prefix = "roberta"
    class_name = "Roberta"

    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """
        from keras_hub.models import RobertaBackbone

        require_plain_encoder(config)
        config.require("type_vocab_size", 1, why="KerasHub's RoBERTa has no token types")
        backbone = RobertaBackbone(
            vocabulary_size=config.integer("vocab_size"),
            max_sequence_length=self.max_tokens(config),
            **sizes(config),
            dropout=rates.most,
            dtype=dtype,
        )
        set_layers(backbone, config, rates)
        return backbone

    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""
        return [
            same(backbone.token_embedding.embeddings, "embeddings.word_embeddings.weight"),
            _positions(backbone, _n_reserved(config)),
            *norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm"),
            *bert_layers(backbone),
        ]

    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of."""
        after = config.number("hidden_dropout_prob")
        return HeadPlan("pooler.dense", True, 0.0, after, activation="tanh")

    def max_tokens(self, config: ModelConfig) -> int:
        """Return the context length in tokens.

        Raises:
            ModelError: The configuration has no positions for tokens.
        """
        n_positions = config.integer("max_position_embeddings") - _n_reserved(config)
        if n_positions < 1:
            raise ModelError(
                "expected more positions than the padding id",
                file=config.file,
                field="max_position_embeddings",
            )
        return n_positions


class XlmRoberta(Roberta):
    """XLM-RoBERTa: RoBERTa with another vocabulary."""

    class_name = "XLMRoberta"


def _n_reserved(config: ModelConfig) -> int:
    """Return the number of positions that no token has: those up to the padding id."""
    return int(config.number("pad_token_id")) + 1


def _positions(backbone: Any, n_reserved: int) -> Entry:
    variable = backbone.embeddings.position_embedding.position_embeddings

    def to_keras(positions: Array, types: Array) -> Array:
        value: Array = positions[n_reserved:] + types[0]
        return value

    def to_file(value: Array) -> tuple[Array, ...]:
        reserved = np.zeros((n_reserved, value.shape[1]), dtype=value.dtype)
        types = np.zeros((1, value.shape[1]), dtype=value.dtype)
        return np.vstack([reserved, value]), types

    names = ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight")
    return Entry(variable, names, True, to_keras, to_file)
