"""Settings of training a multiple-choice reader with Keras."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.kinds import ModelRef
from llmexam.solvers.readers.encoding import EncodingSettings
from llmexam.training.keras_base.settings import KerasTrainingSettings


class KerasChoiceTrainingSettings(KerasTrainingSettings):
    """Settings of training family `keras-choice`."""

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="model to start from: 'bundled', a local folder, or a Hugging Face model name; "
        "BERT, RoBERTa, XLM-RoBERTa, DeBERTa-v3, ELECTRA or DistilBERT, or with `head: last` a "
        "decoder: Gemma, Gemma 2 or 3, GPT-2, Llama, Mistral, Qwen2 or Qwen3",
    )
    encoding: EncodingSettings = Field(
        EncodingSettings(), description="how a question is turned into tokens"
    )
    head: Literal["mean", "native", "last"] = Field(
        "mean",
        description="classification head. mean: one linear layer over the mean of the token "
        "embeddings; native: the head of transformers' multiple-choice model, over the first "
        "token; last: one linear layer over the last token, for decoders",
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "shuffled",
        description="order of the options, with the answer's letter adjusted. kept: as in the "
        "exam; shuffled: a random order; rotated: a random rotation",
    )
    shuffle_probability: float = Field(
        1.0,
        ge=0,
        le=1,
        description="probability that the options of a question are shuffled or rotated in an "
        "epoch",
    )
    drop_options: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability of dropping a wrong option; two options always remain",
    )
    evidence_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability of dropping the evidence of a question"
    )
    drop_repeats: bool = Field(
        True, description="train only once on questions with equal text, options and answer"
    )
    lora_rank: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="train LoRA adapters of this rank in the attention layers instead of all "
        "weights; merged at the end of training",
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.reads_passages

    @property
    def starts_at_chance(self) -> bool:
        """Whether the loss with a new head starts at ln(n) for n options."""
        return self.drop_options == 0
