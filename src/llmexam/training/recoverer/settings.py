"""Settings of fine-tuning a decoder for prompt recovery."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.recovery.prompting import PromptingSettings
from llmexam.settings.kinds import ModelRef
from llmexam.training.decoders.settings import DecoderTrainingSettings
from llmexam.training.settings import LoraSettings


class RecovererTrainingSettings(DecoderTrainingSettings):
    """Settings of training family `recoverer`: supervised fine-tuning on the prompts."""

    prompting: PromptingSettings = Field(PromptingSettings(), description="prompt template")
    max_prompt_tokens: int = Field(
        128,
        ge=1,
        description="maximum number of target tokens per row; longer prompts are truncated",
    )
    tokens_per_pass: int = Field(
        4096,
        ge=1,
        description="most tokens of a forward pass, padding included; a batch with more is "
        "computed in several passes, with the same gradient",
    )
    dev_generated: int = Field(
        0,
        ge=0,
        description="number of dev rows whose prompts are also generated at each evaluation, to "
        "measure sharpened cosine and exact match",
    )
    embedder: ModelRef = Field(
        "bundled", description="embedder of the sharpened cosine of generated prompts"
    )
    n_epochs: float = Field(1.0, gt=0, description="number of epochs")
    batch_size: int = Field(8, ge=1, description="rows per batch and device")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate")
    head_learning_rate: float | None = Field(
        None, gt=0, description="not supported: a recoverer has no new head"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="not supported")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="learning rate schedule after the warm-up"
    )
    lora: LoraSettings | None = Field(
        LoraSettings(), description="train LoRA adapters; null trains all weights"
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of questions are read: rewrites have none."""
        return False
