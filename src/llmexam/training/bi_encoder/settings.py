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
        description="model to start from: 'bundled', a local folder, or a Hugging Face model name",
    )
    loss: Loss = Field(
        "multiple-negatives",
        description="loss function. On lists: `multiple-negatives`, `cached-multiple-negatives` "
        "(large batches in little memory); on pairs: `contrastive`, `cosent`, "
        "`cosine`",
    )
    reads: Literal["options", "evidence"] = Field(
        "options",
        description="training texts. options: question text and option, as the solver compares "
        "them without evidence; evidence: the best supporting sentence of the right "
        "option, and question text + option",
    )
    n_epochs: float = Field(4.0, gt=0, description="number of epochs")
    batch_size: int = Field(
        16, ge=1, description="rows per forward pass: questions, or pairs with a pair loss"
    )
    learning_rate: float = Field(2e-5, gt=0, description="peak learning rate")
    n_wrong: int | None = Field(
        None, ge=0, description="number of wrong options per row of a list; all by default"
    )
    hard_negatives: HardNegativeSettings | None = Field(
        None, description="additional wrong options from other training questions"
    )
    distinct_texts: bool = Field(
        True,
        description="list losses: no text twice in a batch, so that none becomes its own negative",
    )
    scale: float = Field(
        20.0,
        gt=0,
        description="list losses and cosent: scale factor of the cosine similarities (inverse "
        "temperature)",
    )
    margin: float = Field(
        0.5, gt=0, le=2, description="contrastive loss: margin of the wrong options"
    )
    mini_batch_size: int = Field(
        32, ge=1, description="cached-multiple-negatives: number of texts per forward pass"
    )
    max_tokens: int | None = Field(
        None,
        ge=8,
        description="truncate texts to this many tokens; defaults to the model's own limit",
    )

    @property
    def over_lists(self) -> bool:
        """Whether the loss has one row per question instead of one per option."""
        return "multiple-negatives" in self.loss
