"""How members are combined: settings for plans and for the command line."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from llmexam.settings import Settings

Method = Literal["mean-z", "log-linear", "mean-softmax", "rank-fusion", "vote"]


class EnsembleSettings(Settings):
    """How the scores of several solvers become one."""

    method: Method = Field(
        "mean-z",
        description="mean-z: mean of z-scores; log-linear: mean of the scores as they "
        "are; mean-softmax: mean of probabilities; "
        "rank-fusion: reciprocal ranks, damped; vote: 1 for the first, 1/2 for the second, ...",
    )
    weights: dict[str, float] | Literal["equal", "fitted"] = Field(
        "equal",
        description="a weight for each solver's name; equal; or fitted: by log-likelihood on the "
        "exam's answers, each question scored with weights that never saw its fold",
    )
    n_folds: int = Field(5, ge=2, description="folds of fitted weights")
    seed: int = Field(0, ge=0, description="seed that deals the questions into folds")
    temperature: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="of mean-softmax: higher is more even"
    )
    rank_constant: float = Field(
        60.0, ge=0, allow_inf_nan=False, description="of rank-fusion: higher damps the top"
    )

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if isinstance(self.weights, dict):
            if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
                raise ValueError("weights must be 0 or more")
            if not sum(self.weights.values()):
                raise ValueError("at least one weight must be above 0")
        return self
