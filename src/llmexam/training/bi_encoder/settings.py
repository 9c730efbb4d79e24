"""Settings of the training of bi-encoders."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.kinds import ModelRef
from llmexam.training.hard_negatives import HardNegativeSettings
from llmexam.training.settings import TrainingSettings

Loss = Literal["multiple-negatives", "cached-multiple-negatives", "contrastive", "cosent", "cosine"]


class BiEncoderTrainingSettings(TrainingSettings):
    """Settings of training family `bi-encoder`.

    Losses over lists have one row per question: the prompt, the right option, and wrong ones as
    hard negatives. Losses over pairs have one row per option.
    """

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="weights to begin with: 'bundled', a local folder, or a Hugging Face name",
    )
    loss: Loss = Field(
        "multiple-negatives",
        description="over lists: `multiple-negatives`, `cached-multiple-negatives` (large batches "
        "in little memory); over pairs: `contrastive`, `cosent`, `cosine`",
    )
    reads: Literal["options", "evidence"] = Field(
        "options",
        description="options: the prompt and an option, as the solver reads without evidence; "
        "evidence: the best sentence for the right option, and prompt + option",
    )
    n_epochs: float = Field(4.0, gt=0, description="passes over the training questions")
    batch_size: int = Field(
        16, ge=1, description="rows of one forward pass: questions, or pairs of a loss over pairs"
    )
    learning_rate: float = Field(2e-5, gt=0, description="of all weights, at its peak")
    n_wrong: int | None = Field(
        None, ge=0, description="wrong options of a row of a list; all if not set"
    )
    hard_negatives: HardNegativeSettings | None = Field(
        None, description="more wrong options, from other training questions"
    )
    distinct_texts: bool = Field(
        True, description="lists: no text twice in a batch, where it would be its own negative"
    )
    scale: float = Field(20.0, gt=0, description="lists, cosent: factor on the cosines")
    margin: float = Field(0.5, gt=0, le=2, description="contrastive: distance of wrong options")
    mini_batch_size: int = Field(
        32, ge=1, description="cached-multiple-negatives: texts of one forward pass"
    )
    max_tokens: int | None = Field(
        None, ge=8, description="cut texts to this many tokens; the model's own limit if not set"
    )

    @property
    def over_lists(self) -> bool:
        """Whether the loss has one row per question instead of one per option."""
        return "multiple-negatives" in self.loss
