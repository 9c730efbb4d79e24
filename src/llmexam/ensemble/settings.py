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
    """Ensemble settings: how the scores of several solvers are combined."""

    method: Method = Field(
        "mean-z",
        description="how scores are combined. mean-z: mean of z-scores; log-linear: mean of raw "
        "scores; mean-softmax: mean of probabilities; max-probability: maximum "
        "probability of each option; rank-fusion: reciprocal rank fusion; vote: sum "
        "of reciprocal ranks (1, 1/2, ...)",
    )
    weights: dict[str, float] | Literal["equal", "fitted", "greedy"] = Field(
        "equal",
        description="weights of the members: a number per solver name; equal; fitted: maximum "
        "likelihood on the exam's answers; or greedy: forward selection with "
        "replacement on the exam's answers. Fitted and greedy scores are out of fold",
    )
    greedy_metric: str = Field(
        LOG_LIKELIHOOD,
        description="objective of greedy weights: log-likelihood, or a metric (map, accuracy, "
        "accuracy-at-k; with k = 3)",
    )
    n_folds: int = Field(
        5, ge=2, description="number of cross-validation folds for fitted and greedy weights"
    )
    seed: int = Field(0, ge=0, description="random seed of the folds")
    temperature: float = Field(
        1.0,
        gt=0,
        allow_inf_nan=False,
        description="softmax temperature of mean-softmax and max-probability; higher is more "
        "uniform",
    )
    rank_constant: float = Field(
        60.0,
        ge=0,
        allow_inf_nan=False,
        description="constant of rank-fusion; higher values reduce the influence of top ranks",
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
            raise ValueError(
                "weights cannot be fitted for max-probability; use another method or equal weights"
            )
        if isinstance(self.weights, dict):
            if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
                raise ValueError("weights must be 0 or more")
            if not sum(self.weights.values()):
                raise ValueError("at least one weight must be above 0")
        return self
