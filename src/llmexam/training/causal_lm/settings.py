"""Settings of fine-tuning a decoder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.settings.kinds import JsonOrName, TemplateRef
from llmexam.training.decoders.settings import DecoderTrainingSettings

Objective = Literal["answer", "option-likelihood", "binary", "binary-head"]


class PromptSettings(Settings):
    """Prompt settings, with the keys and meaning of the solver's."""

    template: TemplateRef = Field(
        "alpaca",
        min_length=1,
        description="prompt template: its name, or the path of your own YAML file",
    )
    passages: int = Field(
        5, ge=0, description="passages per question in the prompt, best first (top-k)"
    )
    chat: bool = Field(False, description="apply the model's chat template to the prompt")
    norm: Literal["sum", "token", "byte"] = Field(
        "byte",
        description="templates of mode options: length normalization of the log-likelihood (sum, "
        "per token or per byte)",
    )
    max_tokens: int | None = Field(
        1024,
        ge=16,
        description="longest prompt, in tokens; longer ones lose text from their passages first",
    )


class CausalLmTrainingSettings(DecoderTrainingSettings):
    """Settings of training family `causal-lm`."""

    encoding: PromptSettings = Field(
        PromptSettings(), description="how a question is turned into a prompt"
    )
    objective: Objective = Field(
        "answer",
        description="training objective. answer: tokens of the right answer (supervised "
        "fine-tuning); option-likelihood: softmax over the log-likelihoods of the "
        "options; binary: yes or no for each option, with a template of mode yes-no; "
        "binary-head: binary classification of each option by a new head over the "
        "last token, with a template of mode binary-head",
    )
    end_token: bool = Field(
        True, description="objective answer: also learn the end-of-sequence token after the answer"
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "kept",
        description="order of the options, with the answer's letter adjusted. kept: as in the "
        "exam; shuffled: a new random order in each epoch; rotated: a new random rotation in each "
        "epoch",
    )
    deepspeed: JsonOrName | None = Field(
        None,
        min_length=1,
        description="DeepSpeed configuration: 'zero2' for the one shipped with llmexam, or a "
        "JSON file",
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.passages > 0
