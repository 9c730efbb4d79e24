"""Settings of solver `causal-lm`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.settings.base import Settings
from llmexam.settings.kinds import CacheDir, ModelRef, TemplateRef
from llmexam.solvers.causal_lm.asking import Norm
from llmexam.solvers.prompts.shots import ShotSettings


class CausalLmSettings(Settings):
    """Settings of solver `causal-lm`."""

    model: ModelRef = Field(min_length=1, description="a local folder, or a Hugging Face name")
    template: TemplateRef = Field(
        "letters",
        min_length=1,
        description="how questions are put: the name of a template, or a YAML file of your own",
    )
    norm: Norm = Field(
        "byte",
        description="mode options: sum of log-probabilities, by token, by byte, or less what the "
        "option has after a question that says nothing (pmi)",
    )
    rotations: int = Field(
        1, ge=1, le=26, description="mode letters: rotations of the options to average over"
    )
    calibrate: bool = Field(
        False, description="mode letters: take away what a question that says nothing gets"
    )
    shots: ShotSettings | None = Field(None, description="examples before the question")
    passages: int = Field(5, ge=0, description="passages of evidence that are read, best first")
    chat: bool = Field(False, description="put the model's chat template around the prompt")
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"] = Field(
        "auto",
        description="'auto' takes bf16 where it is fast; int8 and nf4 need bitsandbytes",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    max_tokens: int | None = Field(
        None, ge=16, description="cut contexts to this many tokens a prompt; the model's limit"
    )
    batch_tokens: int = Field(4096, ge=1, description="tokens of a batch, padding included")
    streamed: bool = Field(
        False,
        description="for a model larger than memory: read one layer after the other from its "
        "files, once for the whole exam",
    )
    memory_mb: int | None = Field(
        None,
        ge=1,
        description="with `streamed`: what weights and states may take, beside some 400 MB "
        "of Python and its libraries (600 in bf16); half of what is free",
    )
    cache_dir: CacheDir | None = Field(
        None, description="keep log-likelihoods in this folder, so that nothing is scored twice"
    )

    @model_validator(mode="after")
    def _streamed_alone(self) -> Self:
        if self.memory_mb is not None and not self.streamed:
            raise ValueError("`memory_mb` limits a model that is `streamed`: set `streamed: true`")
        if self.streamed and self.precision in ("int8", "nf4"):
            raise ValueError(
                f"layers are not streamed in {self.precision}: take bf16, fp16 or fp32"
            )
        return self
