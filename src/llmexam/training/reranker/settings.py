"""Settings of the training of rerankers."""

from __future__ import annotations

from pydantic import Field

from llmexam.evidence.reranker import RerankEncoding
from llmexam.settings.kinds import SampleOrPath
from llmexam.training.pairs.settings import PairTrainingSettings


class RerankerTrainingSettings(PairTrainingSettings):
    """Settings of training family `reranker`."""

    encoding: RerankEncoding = Field(
        RerankEncoding(), description="how query and passage are turned into tokens"
    )
    judgements: SampleOrPath | None = Field(
        None,
        description="file of TREC relevance judgements by question id and passage id; without "
        "it, passages that contain the words of the right option, but not those of "
        "wrong ones, count as relevant",
    )
    min_cover: float = Field(
        0.6,
        gt=0,
        le=1,
        description="smallest share of the right option's own words that a relevant passage "
        "contains",
    )
    min_lead: float = Field(
        0.3,
        ge=0,
        le=1,
        description="smallest difference between that share and the share of any wrong option's "
        "words",
    )
    passage_tokens: int | None = Field(
        100, ge=10, description="chunk size, in words; longer passages are split"
    )
    n_negatives: int = Field(7, ge=1, le=100, description="number of negative passages per list")
