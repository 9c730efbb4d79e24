"""The decoder to train: all weights, or adapters over frozen, possibly quantised weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from llmexam.errors import SettingsError
from llmexam.lm.decoder import keep_products_plain, rounding_config
from llmexam.lm.models.loading import ModelFolder, require_packages
from llmexam.training.base.arguments import training_device, training_precision
from llmexam.training.base.optimiser import freeze
from llmexam.training.decoders.adapters import add_adapters
from llmexam.training.decoders.settings import DecoderTrainingSettings

# Reads the weights of a folder; keywords are arguments of `from_pretrained`.
ReadModel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Trainee:
    """The model at the start of a training.

    Attributes:
        source: The initial weights.
        tokenizer: The tokenizer.
        model: The decoder as passed to the Trainer, wrapped by adapters if there are any.
        pad_id: Token id to pad with.
    """

    source: ModelFolder
    tokenizer: Any
    model: Any
    pad_id: int

    @property
    def decoder(self) -> Any:
        """The transformers model without the wrapper of adapters."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def longest(self) -> int | None:
        """Context length in tokens; None without a limit."""
        return longest_input(self.decoder.config)


def check_decoder_settings(settings: DecoderTrainingSettings) -> None:
    """Check combinations of settings.

    Raises:
        SettingsError: Settings are incompatible.
    """
    if settings.quantise is not None and settings.lora is None:
        raise SettingsError(
            "quantized weights cannot be trained without adapters",
            field="quantise",
            hint="Set `lora` as well (QLoRA)",
        )
    if settings.lora is not None and (settings.freeze_layers or settings.freeze_embeddings):
        raise SettingsError(
            "cannot be combined with `lora`, which freezes all weights already",
            field="freeze_layers",
        )


def arithmetic_dtype(settings: DecoderTrainingSettings) -> torch.dtype:
    """Return the number type of the training precision, which frozen weights are loaded in."""
    precision = training_precision(settings.precision, training_device(settings.device))
    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)


def load_weights(settings: DecoderTrainingSettings, dtype: torch.dtype, read: ReadModel) -> Any:
    """Return the transformers model, quantised if the settings say so.

    Args:
        settings: Training settings.
        dtype: Type of the loaded weights.
        read: Reads the model.

    Raises:
        ModelError: It is no such model, lacks weights, or its files are damaged.
        MissingDependencyError: bitsandbytes is needed and not installed.
    """
    options: dict[str, Any] = {}
    if settings.quantise is not None:
        require_packages(f"quantise '{settings.quantise}'", "bitsandbytes")
        options["quantization_config"] = rounding_config(settings.quantise, dtype, twice=True)
        options["device_map"] = {"": training_device(settings.device)}
    model = read(dtype=dtype, **options)
    if settings.quantise is not None:
        keep_products_plain(model)
    return model


def adapt_or_freeze(model: Any, settings: DecoderTrainingSettings) -> Any:
    """Return the model with adapters, or with layers frozen by the settings.

    Raises:
        MissingDependencyError: peft is not installed.
        SettingsError: No linear layer has one of the names, or there are too few layers.
    """
    if settings.lora is not None:
        return add_adapters(model, settings.lora, quantised=settings.quantise is not None)
    freeze(model, settings)
    return model


def padding_id(tokenizer: Any) -> int:
    """Return the token id to pad with."""
    pads = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return int(next(token for token in pads if token is not None))


def longest_input(config: Any) -> int | None:
    """Return a decoder's context length in tokens; None without a limit."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)
