"""The decoder to train for prompt recovery, and how it is saved."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from llmexam.errors import ModelError, SettingsError
from llmexam.lm.decoder import has_binary_head, read_weights
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.training.base.optimiser import set_dropout
from llmexam.training.decoders.adapters import save_merged
from llmexam.training.decoders.model import (
    Trainee,
    adapt_or_freeze,
    arithmetic_dtype,
    check_decoder_settings,
    load_weights,
    padding_id,
)
from llmexam.training.recoverer.settings import RecovererTrainingSettings


def check_settings(settings: RecovererTrainingSettings) -> None:
    """Check combinations of settings.

    Raises:
        SettingsError: Settings are incompatible.
    """
    check_decoder_settings(settings)
    if settings.head_learning_rate is not None:
        raise SettingsError("a recoverer has no new head", field="head_learning_rate")


def load_trainee(settings: RecovererTrainingSettings) -> Trainee:
    """Load the model to train.

    Raises:
        ModelError: The weights are missing or unusable.
        SettingsError: A setting does not match the model or another setting.
        MissingDependencyError: A package that a setting needs is not installed.
    """
    check_settings(settings)
    source = resolve_model(settings.model)
    if has_binary_head(source):
        raise ModelError(
            "a model with a binary head cannot generate prompts",
            file=source.path,
            hint="Give a causal language model",
        )
    tokenizer = load_tokenizer(source)
    # Frozen weights have the type of the arithmetic, trained ones 32 bits.
    dtype = torch.float32 if settings.lora is None else arithmetic_dtype(settings)
    model = load_weights(settings, dtype, partial(read_weights, source, binary_head=False))
    set_dropout(model, settings.dropout)
    return Trainee(source, tokenizer, adapt_or_freeze(model, settings), padding_id(tokenizer))


def save_trained(trainee: Trainee, folder: Path) -> None:
    """Write the weights, with adapters merged, in the type that the base model has on disk."""
    read = partial(read_weights, trainee.source, binary_head=False, dtype=torch.float32)
    save_merged(trainee.model, trainee.source, folder, read)
