"""Training settings that cross-encoders and rerankers share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.kinds import ModelRef
from llmexam.training.settings import TrainingSettings


class PairTrainingSettings(TrainingSettings):
    """Training settings that cross-encoders and rerankers share."""

    model: ModelRef = Field(
        BUNDLED,
        min_length=1,
        description="model to start from: 'bundled', a local folder, or a Hugging Face model name",
    )
    head: Literal["mean", "native"] = Field(
        "mean",
        description="classification head. mean: one linear layer over the mean of the token "
        "embeddings; native: the head of the model class, for models whose first "
        "token was trained as a summary, such as published rerankers",
    )
    loss: Literal["binary", "listnet", "lambda", "plistmle"] = Field(
        "listnet",
        description="loss function. binary: binary cross-entropy of each pair; listnet, lambda "
        "(LambdaLoss) and plistmle (position-aware ListMLE): listwise losses over a question",
    )
    positive_weight: float | None = Field(
        None,
        gt=0,
        description="loss binary: weight of right pairs; defaults to the number of wrong pairs "
        "per right pair",
    )
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate of the encoder")
    head_learning_rate: float | None = Field(
        3e-3, gt=0, description="peak learning rate of a new head; defaults to that of the encoder"
    )
    batch_size: int = Field(
        8, ge=1, description="rows per forward pass: lists of a question, or pairs with loss binary"
    )
