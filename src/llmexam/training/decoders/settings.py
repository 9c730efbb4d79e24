"""Settings that all families of fine-tuned decoders have."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.kinds import ModelRef
from llmexam.training.settings import TrainingSettings


class DecoderTrainingSettings(TrainingSettings):
    """How a decoder is fine-tuned."""

    model: ModelRef = Field(
        min_length=1,
        description="model to start from: a local folder, or a Hugging Face model name",
    )
    quantise: Literal["int8", "nf4"] | None = Field(
        None,
        description="quantization of the frozen weights under `lora` (QLoRA: arXiv 2305.14314)",
    )
