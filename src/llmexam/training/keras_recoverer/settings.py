"""Settings of fine-tuning a decoder for prompt recovery with Keras."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.recovery.prompting import PromptingSettings
from llmexam.settings.kinds import ModelRef
from llmexam.training.keras_base.settings import KerasTrainingSettings


class KerasRecovererTrainingSettings(KerasTrainingSettings):
    """Settings of training family `keras-recoverer`: supervised fine-tuning on the prompts."""

    model: ModelRef = Field(
        min_length=1,
        description="model to start from: a local folder, or a Hugging Face model name; Gemma, "
        "Gemma 2 or 3, GPT-2, Llama, Mistral, Qwen2 or Qwen3",
    )
    prompting: PromptingSettings = Field(PromptingSettings(), description="prompt template")
    max_prompt_tokens: int = Field(
        128,
        ge=1,
        description="maximum number of target tokens per row; longer prompts are truncated",
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
    dev_generated: int = Field(
        0,
        ge=0,
        description="number of dev rows whose prompts are also generated at each evaluation, to "
        "measure sharpened cosine and exact match",
    )
    top_k: int | None = Field(
        None,
        ge=1,
        description="sample these prompts from this many most likely tokens; null takes the most "
        "likely token",
    )
    embedder: ModelRef = Field(
        "bundled", description="embedder of the sharpened cosine of generated prompts"
    )
    n_epochs: float = Field(1.0, gt=0, description="number of epochs")
    batch_size: int = Field(8, ge=1, description="rows per forward pass")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate")
    head_learning_rate: float | None = Field(
        None, gt=0, description="not supported: a recoverer has no new head"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="not supported")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="learning rate schedule after the warm-up"
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of questions are read: rewrites have none."""
        return False
