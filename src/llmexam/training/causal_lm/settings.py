"""Settings of fine-tuning a decoder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.kinds import JsonOrName
from llmexam.training.decoders.settings import DecoderTrainingSettings
from llmexam.training.prompts.settings import Objective, PromptSettings


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
