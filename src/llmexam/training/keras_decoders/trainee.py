"""The decoder of a training: adapters or frozen layers, and how it is saved.

This module imports Keras; see `llmexam.lm.keras_models.session`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.lm.keras_models.causal import KerasDecoder, load_keras_decoder
from llmexam.lm.keras_models.causal_export import export_decoder
from llmexam.lm.keras_models.causal_lora import ADAPTER_FILE, add_lora, lora_layers, save_lora
from llmexam.lm.keras_models.session import keras
from llmexam.lm.models.loading import ModelFolder, load_tokenizer, resolve_model
from llmexam.training.keras_base.optimiser import create_optimiser, freeze
from llmexam.training.keras_base.placement import dtype_policy
from llmexam.training.keras_decoders.model import answer_model, given_loss
from llmexam.training.keras_decoders.settings import KerasDecoderTrainingSettings


@dataclass(frozen=True, slots=True)
class DecoderTrainee:
    """A decoder to train.

    Attributes:
        decoder: The decoder.
        model: The model of the loss of each target; see `answer_model`.
        tokenizer: A fast tokenizer of transformers.
        pad_id: Token id to pad with.
    """

    decoder: KerasDecoder
    model: Any
    tokenizer: Any
    pad_id: int

    @property
    def source(self) -> ModelFolder:
        """The initial weights."""
        return self.decoder.source

    def compile(self, settings: KerasDecoderTrainingSettings, n_steps: int) -> None:
        """Set optimiser and loss.

        Raises:
            SettingsError: There is nothing to train.
        """
        self.model.compile(
            optimizer=create_optimiser(self.model, settings, n_steps),
            loss=given_loss,
            jit_compile=keras.backend.backend() == "jax",
        )

    def save(self, folder: Path) -> None:
        """Write the model with adapters merged, and the adapters themselves."""
        export_decoder(self.decoder, folder)
        if lora_layers(self.decoder):
            save_lora(self.decoder, folder / ADAPTER_FILE)


def load_trainee(settings: KerasDecoderTrainingSettings) -> DecoderTrainee:
    """Return the decoder of the settings, with what is not trained frozen.

    Raises:
        ModelError: The weights cannot be found, or KerasHub does not support the model.
        SettingsError: A setting does not fit the model.
    """
    source = resolve_model(settings.model)
    policy = dtype_policy(settings)
    if settings.lora_rank is not None:
        # Frozen weights have the type of the arithmetic, trained ones 32 bits.
        policy = policy.removeprefix("mixed_")
    decoder = load_keras_decoder(
        source,
        backend=settings.backend,
        dtype=policy,  # type: ignore[arg-type]
        dropout=settings.dropout,
    )
    if settings.lora_rank is None:
        freeze(decoder.backbone, settings)
    else:
        add_lora(
            decoder,
            settings.lora_rank,
            alpha=settings.lora_alpha,
            layers=settings.lora_layers,
            seed=settings.seed,
        )
    tokenizer = load_tokenizer(source)
    pads = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    pad_id = int(next(token for token in pads if token is not None))
    return DecoderTrainee(decoder, answer_model(decoder), tokenizer, pad_id)
