"""Settings of `bank-ranker`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from llmexam.recovery.estimates import EstimateSettings
from llmexam.settings.base import OneOrMany
from llmexam.settings.kinds import ModelRef


class CandidateSettings(EstimateSettings):
    """Settings of how candidates are retrieved and ranked without models that read the texts."""

    k: int = Field(64, ge=2, le=1000, description="number of retrieved candidates")
    n_folds: int = Field(
        3, ge=2, le=20, description="number of inner folds that the ranker's weights are fitted on"
    )
    folds_by: str = Field(
        "prompt",
        description="how inner folds are made: `prompt` keeps near-equal prompts in one of "
        "`n_folds`; the name of a column, such as `source`, leaves out one of its values at a "
        "time. Use that where rows of another source are to be recovered",
    )
    n_fitted: int = Field(
        1500,
        ge=1,
        description="largest number of training rows whose candidates the weights are fitted on",
    )


class BankRankerSettings(CandidateSettings):
    """Settings of `bank-ranker`."""

    keywords: OneOrMany[Annotated[int, Field(ge=0, le=48)]] = Field(
        (0,),
        min_length=1,
        description="numbers of words of the rewritten text that may be added to the prompt "
        "where a gain is expected, as fitted on inner folds, such as [4, 8, 16]; with 0 alone, "
        "answers are prompts as they are",
    )
    cross_encoder: ModelRef | None = Field(
        None,
        description='cross-encoder trained for "does this prompt explain the pair?"; it reads '
        "the beginnings of the rewritten and the original text as first text, the prompt as "
        "second. Family `prompt-reranker` of `llmexam train` trains one; rows that it was trained "
        "on do not count when weights are fitted",
    )
    likelihood_model: ModelRef | None = Field(
        None,
        description="causal language model whose log-likelihood of the rewritten text, given "
        "the original and a candidate, is a feature",
    )
    n_judged: int = Field(
        12, ge=2, le=1000, description="number of candidates that these models score"
    )
