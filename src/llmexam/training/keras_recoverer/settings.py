"""Settings of fine-tuning a decoder for prompt recovery with Keras."""

from __future__ import annotations

from pydantic import Field

from llmexam.recovery.prompting import PromptingSettings
from llmexam.settings.kinds import ModelRef
from llmexam.training.keras_decoders.settings import KerasDecoderTrainingSettings


class KerasRecovererTrainingSettings(KerasDecoderTrainingSettings):
    """Settings of training family `keras-recoverer`: supervised fine-tuning on the prompts."""

    prompting: PromptingSettings = Field(PromptingSettings(), description="prompt template")
    max_prompt_tokens: int = Field(
        128,
        ge=1,
        description="maximum number of target tokens per row; longer prompts are truncated",
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

    @property
    def reads_passages(self) -> bool:
        """Whether passages of questions are read: rewrites have none."""
        return False
