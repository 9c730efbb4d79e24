"""Settings of all families that are trained with Keras."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.training.settings import TrainingSettings


class KerasTrainingSettings(TrainingSettings):
    """Settings of training with Keras, on any of its backends."""

    backend: Literal["auto", "torch", "jax", "tensorflow"] = Field(
        "auto",
        description="backend of Keras. auto: the environment variable KERAS_BACKEND, else torch",
    )
    length_multiple: int = Field(
        32,
        ge=1,
        le=8192,
        description="sequences are padded to a multiple of this number of tokens; JAX compiles "
        "one program for each length",
    )
    parallel: Literal["none", "data", "model"] = Field(
        "none",
        description="use of several devices, with the backend jax. data: each device computes a "
        "part of the batch; model: the weights are distributed too",
    )

    @model_validator(mode="after")
    def _check_supported(self) -> Self:
        if self.precision == "fp16":
            raise ValueError("`precision: fp16` is not supported with Keras. Use bf16 or fp32")
        if self.gradient_checkpointing:
            raise ValueError(
                "`gradient_checkpointing` is not supported with Keras. Use a smaller `batch_size` "
                "with `gradient_accumulation`"
            )
        if self.lora is not None:
            raise ValueError("`lora` is not a setting of Keras families. Use `lora_rank`")
        return self
