"""Settings of prompts, and what examples need of the settings of a family."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from llmexam.settings.base import Settings
from llmexam.settings.kinds import TemplateRef

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


class ExampleSettings(Protocol):
    """What is needed of the settings of a family.

    Attributes:
        encoding: Prompt settings.
        objective: Training objective.
        end_token: Whether the end-of-sequence token is learned after the answer.
        option_order: Order of the options.
        seed: Random seed.
    """

    @property
    def encoding(self) -> PromptSettings: ...  # noqa: D102 - described above

    @property
    def objective(self) -> Objective: ...  # noqa: D102 - described above

    @property
    def end_token(self) -> bool: ...  # noqa: D102 - described above

    @property
    def option_order(self) -> Literal["kept", "shuffled", "rotated"]: ...  # noqa: D102 - above

    @property
    def seed(self) -> int: ...  # noqa: D102 - described above
