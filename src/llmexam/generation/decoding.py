"""Precision, batches and sampling of local language models that write texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from llmexam.settings.base import Settings

if TYPE_CHECKING:
    from llmexam.lm.decoder import Sampling


class DecodingSettings(Settings):
    """Precision, batches and sampling of a local language model."""

    precision: Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where it is fast. int8 is faster than "
        "fp32 on CPUs without fast bf16, and less exact. nf4, and int8 on GPUs, need bitsandbytes",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")
    batch_tokens: int = Field(
        8192,
        ge=1,
        description="maximum number of input tokens per batch, including padding",
    )
    max_new_tokens: int = Field(48, ge=1, description="maximum number of generated tokens")
    do_sample: bool = Field(False, description="sample tokens; false: greedy decoding")
    temperature: float = Field(1.0, gt=0, description="sampling temperature")
    top_k: int = Field(0, ge=0, description="top-k sampling; 0 disables it")
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="nucleus (top-p) sampling; 1 disables it",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed")

    def sampling(self, stop: tuple[str, ...], *, n: int = 1) -> Sampling:
        """Return how to choose tokens.

        Args:
            stop: Texts that end an answer.
            n: Candidates for each prompt.
        """
        from llmexam.lm.decoder import Sampling

        return Sampling(
            max_new_tokens=self.max_new_tokens,
            n=n,
            do_sample=self.do_sample,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            stop=stop,
            seed=self.seed,
        )
