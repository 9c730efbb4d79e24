"""Settings of the training of rerankers."""

from __future__ import annotations

from pydantic import Field

from llmexam.evidence.reranker import RerankEncoding
from llmexam.settings.kinds import SampleOrPath
from llmexam.training.pairs.settings import PairTrainingSettings


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
