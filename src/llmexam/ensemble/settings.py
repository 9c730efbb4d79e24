"""Settings of ensembles."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from llmexam.errors import SettingsError
from llmexam.evaluation.metrics.registry import choice_metric
from llmexam.settings.base import Settings

Method = Literal["mean-z", "log-linear", "mean-softmax", "max-probability", "rank-fusion", "vote"]


LOG_LIKELIHOOD = "log-likelihood"
"""Default of `greedy_metric`, which otherwise names a metric."""


class EnsembleSettings(Settings):
    """Method and weights for combining the scores of several solvers."""

    method: Method = Field(
        "mean-z",
        description="mean-z: mean of z-scores; log-linear: mean of the scores as they "
        "are; mean-softmax: mean of probabilities; max-probability: each option's largest; "
        "rank-fusion: reciprocal ranks, damped; vote: 1 for the first, 1/2 for the second, ...",
    )
    weights: dict[str, float] | Literal["equal", "fitted", "greedy"] = Field(
        "equal",
        description="a weight for each solver's name; equal; or found on the exam's answers, each "
        "question scored with weights that never saw its fold: fitted by log-likelihood, or "
        "greedy: members taken one after another, again and again, as long as it helps",
    )
    greedy_metric: str = Field(
        LOG_LIKELIHOOD,
        description="objective of greedy weights: log-likelihood, or a metric (map, accuracy, "
        "accuracy-at-k; k is 3)",
    )
    n_folds: int = Field(5, ge=2, description="folds of fitted and greedy weights")
    seed: int = Field(0, ge=0, description="seed that deals the questions into folds")
    temperature: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="of mean-softmax and max-probability: higher is more even",
    )
    rank_constant: float = Field(
        60.0, ge=0, allow_inf_nan=False, description="of rank-fusion: higher damps the top"
    )

    @property
    def is_fitted(self) -> bool:
        """Whether the weights are fitted on an exam's answers."""
        return self.weights in ("fitted", "greedy")

    @field_validator("greedy_metric")
    @classmethod
    def _check_metric(cls, name: str) -> str:
        if name != LOG_LIKELIHOOD:
            try:
                choice_metric(name)
            except SettingsError as error:
                raise ValueError(str(error)) from None
        return name

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.is_fitted and self.method == "max-probability":
            raise ValueError("weights are found for sums, and max-probability is none")
        if isinstance(self.weights, dict):
            if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
                raise ValueError("weights must be 0 or more")
            if not sum(self.weights.values()):
                raise ValueError("at least one weight must be above 0")
        return self
