"""The model of a training: an encoder or a decoder, what of it is trained, and how it is saved.

This module imports Keras; see `llmexam.lm.keras_models.session`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.keras_models.causal_lora import add_lora
from llmexam.lm.keras_models.decoder_reader import (
    load_decoder_reader,
    require_head_kind,
    save_decoder_reader,
)
from llmexam.lm.keras_models.reader import load_keras_reader, save_keras_reader
from llmexam.lm.keras_models.sequence_model import SequenceModel
from llmexam.lm.keras_models.session import keras
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.training.keras_base.optimiser import freeze
from llmexam.training.keras_base.placement import dtype_policy
from llmexam.training.keras_choice.settings import KerasChoiceTrainingSettings


@dataclass(frozen=True, slots=True)
class ChoiceTrainee:
    """A model to train.

    Attributes:
        reader: The model.
        source: The initial weights.
        tokenizer: A fast tokenizer of transformers.
        family: Family in the card of the result.
        save: Writes the trained model into a folder.
        merge: Merges adapters into the weights after training.
    """

    reader: SequenceModel
    source: ModelFolder
    tokenizer: Any
    family: str
    save: Callable[[Path], None]
    merge: Callable[[], None]


def load_trainee(settings: KerasChoiceTrainingSettings) -> ChoiceTrainee:
    """Return the model of the settings, with what is not trained frozen.

    Raises:
        ModelError: KerasHub cannot represent the model, the head does not fit it, or its context
            is too short.
        SettingsError: There are not as many layers as shall be frozen.
    """
    source = resolve_model(settings.model)
    require_head_kind(source, settings.head)
    make = _decoder if settings.head == "last" else _encoder
    trainee = make(settings, source, load_tokenizer(source))
    asked, limit = settings.encoding.max_tokens, trainee.reader.max_tokens
    if limit is not None and asked > limit:
        raise ModelError(
            f"expected encoding.max_tokens of at most {limit}, the model's limit, got {asked}",
            file=source.path,
            hint=f"Set encoding.max_tokens to {limit} or less",
        )
    return trainee


def _encoder(
    settings: KerasChoiceTrainingSettings, source: ModelFolder, tokenizer: Any
) -> ChoiceTrainee:
    assert settings.head != "last"
    reader = load_keras_reader(
        source,
        head=settings.head,
        dropout=settings.dropout,
        seed=settings.seed,
        dtype=dtype_policy(settings),
    )
    freeze(reader.backbone, settings)
    if settings.lora_rank is not None:
        _add_lora(reader.backbone, settings.lora_rank)
    return ChoiceTrainee(
        reader,
        source,
        tokenizer,
        # What the solver of this name reads; the training says that it was Keras.
        family="multiple-choice",
        save=lambda folder: save_keras_reader(reader, folder),
        merge=lambda: _merge(reader.backbone),
    )


def _decoder(
    settings: KerasChoiceTrainingSettings, source: ModelFolder, tokenizer: Any
) -> ChoiceTrainee:
    policy = dtype_policy(settings)
    if settings.lora_rank is not None:
        # Frozen weights have the type of the arithmetic, trained ones 32 bits.
        policy = policy.removeprefix("mixed_")
    reader = load_decoder_reader(
        source,
        dropout=settings.dropout,
        seed=settings.seed,
        dtype=policy,
        # As transformers pads, which finds the last token by the padding.
        pad_ids=(tokenizer.pad_token_id, tokenizer.eos_token_id),
    )
    if settings.lora_rank is None:
        freeze(reader.backbone, settings)
    else:
        add_lora(reader.decoder, settings.lora_rank, seed=settings.seed)
    return ChoiceTrainee(
        reader,
        source,
        tokenizer,
        family="keras-choice",
        save=lambda folder: save_decoder_reader(reader, folder),
        # The adapters are added to the weights of the base model when it is saved.
        merge=lambda: None,
    )


def _add_lora(backbone: Any, rank: int) -> None:
    """Add adapters, which are then the only weights of the encoder that are trained."""
    backbone.enable_lora(rank)
    for layer in _adapted(backbone):
        # Keras leaves the biases of these layers trainable.
        if layer.bias is not None:
            layer.bias.trainable = False


def _adapted(backbone: Any) -> list[Any]:
    layers = backbone._flatten_layers(include_self=False)
    return [layer for layer in layers if getattr(layer, "lora_enabled", False)]


def _merge(backbone: Any) -> None:
    """Add the adapters to the kernels, and remove them."""
    for layer in _adapted(backbone):
        # In float32: the property `kernel` has the type of the arithmetic, which may be bf16.
        delta = keras.ops.matmul(layer.lora_kernel_a, layer.lora_kernel_b)
        scale = layer.lora_alpha / layer.lora_rank
        layer._kernel.assign(layer._kernel + scale * delta)
        layer.lora_enabled = False
