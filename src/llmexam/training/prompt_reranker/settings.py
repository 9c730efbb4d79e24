"""Settings of the training of cross-encoders that rerank candidate prompts."""

from __future__ import annotations

from pydantic import Field

from llmexam.recovery.ranking.judges import PromptEncoding
from llmexam.recovery.ranking.settings import CandidateSettings
from llmexam.training.pairs.settings import PairTrainingSettings


class PromptRerankerTrainingSettings(PairTrainingSettings):
    """Settings of training family `prompt-reranker`."""

    encoding: PromptEncoding = Field(
        PromptEncoding(), description="how texts and prompt are turned into tokens"
    )
    candidates: CandidateSettings = Field(
        CandidateSettings(n_fitted=100_000),
        description="settings of `bank-ranker`, whose retrieved candidates are the negatives; "
        "`n_fitted` is the largest number of rows that are trained on",
    )
    n_negatives: int = Field(5, ge=1, le=100, description="number of negative prompts per row")
    batch_size: int = Field(
        8, ge=1, description="rows per forward pass; pairs of texts and prompt with loss binary"
    )
