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

    model: ModelRef = Field(
        min_length=1, description="a local folder, or a Hugging Face model name"
    )
    template: TemplateRef = Field(
        "letters",
        min_length=1,
        description="prompt template: its name, or the path of your own YAML file",
    )
    norm: Norm = Field(
        "byte",
        description="mode options: length normalization of the option's log-likelihood. sum: none; "
        "token: per token; byte: per byte; pmi: minus its log-likelihood after a content-free "
        "prompt (pointwise mutual information)",
    )
    rotations: int = Field(
        1,
        ge=1,
        le=26,
        description="mode letters: number of rotations of the options to average over",
    )
    calibrate: bool = Field(
        False,
        description="mode letters: contextual calibration, which subtracts the letter scores of "
        "a content-free prompt",
    )
    shots: ShotSettings | None = Field(None, description="few-shot examples before the question")
    passages: int = Field(
        5, ge=0, description="passages per question in the prompt, best first (top-k)"
    )
    chat: bool = Field(False, description="apply the model's chat template to the prompt")
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where it is fast. int8 is faster than "
        "fp32 on CPUs without fast bf16, and less exact. nf4, and int8 on GPUs, need bitsandbytes",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    max_tokens: int | None = Field(
        None,
        ge=16,
        description="longest prompt, in tokens; longer ones lose text from their passages first. "
        "Defaults to the model's limit",
    )
    batch_tokens: int = Field(4096, ge=1, description="tokens per batch, padding included")
    streamed: bool = Field(
        False,
        description="for a model larger than memory: load one layer at a time from its files, "
        "once for the whole exam",
    )
    memory_mb: int | None = Field(
        None,
        ge=1,
        description="with `streamed`: memory limit for weights and hidden states, in MB. Python "
        "and its libraries take some 400 MB more (600 in bf16). Defaults to half of "
        "the free memory",
    )
    cache_dir: CacheDir | None = Field(
        None, description="folder that caches log-likelihoods, so that no text is scored twice"
    )

    @model_validator(mode="after")
    def _streamed_alone(self) -> Self:
        if self.memory_mb is not None and not self.streamed:
            raise ValueError("`memory_mb` needs `streamed: true`")
        if self.streamed and self.precision in ("int8", "nf4"):
            raise ValueError(
                f"expected precision bf16, fp16 or fp32 for a streamed model, got {self.precision}"
            )
        return self
