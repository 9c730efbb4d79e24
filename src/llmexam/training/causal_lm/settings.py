"""Settings of fine-tuning a decoder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.settings.kinds import JsonOrName, ModelRef, TemplateRef
from llmexam.training.settings import TrainingSettings

Objective = Literal["answer", "option-likelihood", "binary", "binary-head"]


class PromptSettings(Settings):
    """Prompt settings, with the keys and meaning of the solver's."""

    template: TemplateRef = Field(
        "alpaca", min_length=1, description="name of a prompt template, or a YAML file of your own"
    )
    passages: int = Field(5, ge=0, description="passages of evidence that are read, best first")
    chat: bool = Field(False, description="put the model's chat template around the prompt")
    norm: Literal["sum", "token", "byte"] = Field(
        "byte",
        description="templates of mode options: sum of log-probabilities, by token or by byte",
    )
    max_tokens: int | None = Field(
        1024, ge=16, description="cut contexts to this many tokens a prompt; the model's limit"
    )


class CausalLmTrainingSettings(TrainingSettings):
    """Settings of training family `causal-lm`."""

    model: ModelRef = Field(
        min_length=1, description="weights to begin with: a local folder, or a Hugging Face name"
    )
    encoding: PromptSettings = Field(
        PromptSettings(), description="how a question becomes what the decoder reads"
    )
    objective: Objective = Field(
        "answer",
        description="answer: the tokens of the right answer (supervised fine-tuning); "
        "option-likelihood: softmax over the log-likelihoods of the answers; binary: yes or no "
        "for each option, with a template of mode yes-no; binary-head: right or wrong for each "
        "option by a new head over the last token, with a template of mode binary-head",
    )
    end_token: bool = Field(
        True, description="objective answer: learn, too, that the text ends behind the answer"
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "kept", description="order of the options, drawn anew each epoch; the answer moves along"
    )
    quantise: Literal["int8", "nf4"] | None = Field(
        None, description="round the frozen weights under `lora` (QLoRA: arXiv 2305.14314)"
    )
    deepspeed: JsonOrName | None = Field(
        None,
        min_length=1,
        description="'zero2' for the DeepSpeed settings that come with llmexam, or a JSON file",
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.passages > 0
