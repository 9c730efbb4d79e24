"""Settings of Keras families that train decoders."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.errors import SettingsError
from llmexam.settings.kinds import ModelRef
from llmexam.training.keras_base.settings import KerasTrainingSettings


class KerasDecoderTrainingSettings(KerasTrainingSettings):
    """How a decoder is fine-tuned with Keras, whole or by adapters."""

    model: ModelRef = Field(
        min_length=1,
        description="model to start from: a local folder, or a Hugging Face model name; Gemma, "
        "Gemma 2 or 3, GPT-2, Llama, Mistral, Qwen2 or Qwen3",
    )
    lora_rank: int | None = Field(
        4,
        ge=1,
        le=1024,
        description="rank of LoRA adapters (arXiv 2106.09685), which are merged at the end of "
        "training; null trains all weights",
    )
    lora_alpha: float | None = Field(
        None,
        gt=0,
        description="scaling: adapters are multiplied by alpha / rank; defaults to the rank",
    )
    lora_layers: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="names in KerasHub of the layers that get adapters; defaults to those of "
        "queries and values",
    )
    n_epochs: float = Field(1.0, gt=0, description="number of epochs")
    batch_size: int = Field(8, ge=1, description="rows per forward pass")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate")
    head_learning_rate: float | None = Field(
        None, gt=0, description="not supported: there is no new head"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="not supported")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="learning rate schedule after the warm-up"
    )


def require_agreement(settings: KerasDecoderTrainingSettings) -> None:
    """Check that the settings fit each other.

    Raises:
        SettingsError: One is not supported, or contradicts another.
    """
    for name in ("label_smoothing", "head_learning_rate"):
        if getattr(settings, name):
            raise SettingsError("is not supported by this family", field=name)
    for name in ("freeze_layers", "freeze_embeddings"):
        if settings.lora_rank is not None and getattr(settings, name):
            raise SettingsError(
                "cannot be combined with `lora_rank`, which freezes all weights already",
                field=name,
            )
    for name in ("lora_alpha", "lora_layers"):
        if settings.lora_rank is None and getattr(settings, name):
            raise SettingsError("needs adapters", field=name, hint="Set `lora_rank`")
