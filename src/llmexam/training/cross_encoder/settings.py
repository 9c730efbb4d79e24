"""Settings of the training of cross-encoders and rerankers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.evidence.reranker import RerankEncoding
from llmexam.lm.models.loading import BUNDLED
from llmexam.settings.kinds import ModelRef, SampleOrPath
from llmexam.solvers.cross_encoder.encoding import CrossEncoderEncoding
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


class CrossEncoderTrainingSettings(PairTrainingSettings):
    """Settings of training family `cross-encoder`."""

    encoding: CrossEncoderEncoding = Field(
        CrossEncoderEncoding(), description="how a question becomes tokens"
    )


class RerankerTrainingSettings(PairTrainingSettings):
    """Settings of training family `reranker`."""

    encoding: RerankEncoding = Field(
        RerankEncoding(), description="how question and passage become tokens"
    )
    judgements: SampleOrPath | None = Field(
        None,
        description="file of TREC judgements by question id and passage id; without it, passages "
        "that have the words of the right option and not those of wrong ones count as good",
    )
    min_cover: float = Field(
        0.6, gt=0, le=1, description="share of the right option's own words a good passage has"
    )
    min_lead: float = Field(
        0.3, ge=0, le=1, description="how much more of the right option's than of any wrong one's"
    )
    passage_tokens: int | None = Field(
        100, ge=10, description="longer passages are cut into ones of so many words"
    )
    n_negatives: int = Field(7, ge=1, le=100, description="passages of a list that do not help")
