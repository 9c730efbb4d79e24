"""Settings of solver `openai`: endpoint, prompt and budget."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.settings.kinds import TemplateRef
from llmexam.solvers.prompts.shots import ShotSettings
from llmexam.solvers.served.endpoint import EndpointSettings


class ServedSettings(EndpointSettings):
    """Settings of solver `openai`."""

    answers: Literal["auto", "logprobs", "ranking"] = Field(
        "auto",
        description="logprobs: log-probability of each letter; ranking: the model writes "
        "letters, best first; auto: logprobs where the endpoint supports them "
        "(tested with one question), else ranking",
    )
    top_logprobs: int = Field(
        20,
        ge=1,
        le=20,
        description="number of top log-probabilities to request per token; if the endpoint allows "
        "fewer, its limit is used",
    )
    min_letter_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="least total probability of the letters of the options. Below it, the model "
        "was about to write something else, such as 'The answer is' or '<think>': the "
        "log-probabilities are not used, and the question is sent again for letters as text",
    )
    rotations: int = Field(
        1,
        ge=1,
        le=26,
        description="number of rotations of the options to average over, with one request each",
    )
    template: TemplateRef | None = Field(
        None,
        min_length=1,
        description="prompt template of mode letters: its name (as for causal-lm) or the path of "
        "your own YAML file; defaults to messages for chat models",
    )
    shots: ShotSettings | None = Field(None, description="few-shot examples before the question")
    system: str | None = Field(
        None,
        description="system message; defaults to the template's instructions or a short "
        "description of the exam. Set '' for models without system messages",
    )
    passages: int = Field(
        5, ge=0, description="passages per question in the prompt, best first (top-k)"
    )
    max_characters: int = Field(
        12_000,
        ge=100,
        description="longest prompt, in characters; passages are truncated first, then the "
        "question, never the options",
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="longest answer, in tokens; defaults to 1 for log-probabilities, else 64",
    )
