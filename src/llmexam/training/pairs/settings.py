"""Settings that cross-encoders and rerankers have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.kinds import ModelRef
from llmexam.training.settings import TrainingSettings


class PairTrainingSettings(TrainingSettings):
    """What cross-encoders and rerankers have in common."""

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="weights to begin with: 'bundled', a local folder, or a Hugging Face name",
    )
    head: Literal["mean", "native"] = Field(
        "mean",
        description="mean: one layer over the mean of the tokens; native: the model's own, for "
        "models whose first token was trained as a summary, such as published rerankers",
    )
    loss: Literal["binary", "listnet", "lambda", "plistmle"] = Field(
        "listnet",
        description="binary: right or wrong for each pair; the others rank the list of a question",
    )
    positive_weight: float | None = Field(
        None,
        gt=0,
        description="binary: weight of right pairs; wrong ones for each right one if not set",
    )
    learning_rate: float = Field(1e-4, gt=0, description="of the body, at its peak")
    head_learning_rate: float | None = Field(
        3e-3, gt=0, description="of a new head; that of the body if not set"
    )
    batch_size: int = Field(
        8, ge=1, description="rows of one forward pass: lists of a question, or pairs if binary"
    )
