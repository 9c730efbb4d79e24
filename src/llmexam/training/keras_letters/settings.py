"""Settings of fine-tuning a decoder to answer with letters, with Keras."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.training.keras_decoders.settings import KerasDecoderTrainingSettings
from llmexam.training.prompts.settings import Objective, PromptSettings


class KerasLettersTrainingSettings(KerasDecoderTrainingSettings):
    """Settings of training family `keras-letters`: supervised fine-tuning on the right answers."""

    encoding: PromptSettings = Field(
        PromptSettings(), description="how a question is turned into a prompt"
    )
    end_token: bool = Field(
        True, description="also learn the end-of-sequence token after the answer"
    )
    option_order: Literal["kept", "shuffled", "rotated"] = Field(
        "shuffled",
        description="order of the options, with the answer's letter adjusted. kept: as in the "
        "exam; shuffled: a new random order in each epoch; rotated: a new random rotation in each "
        "epoch",
    )

    @property
    def objective(self) -> Objective:
        """The objective of the examples: the tokens of the right answer."""
        return "answer"

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.encoding.passages > 0
