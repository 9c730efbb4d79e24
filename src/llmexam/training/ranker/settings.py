"""Settings of the training of rankers."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator

from llmexam.settings.base import Settings
from llmexam.settings.kinds import LocalPath
from llmexam.solvers.ranker.model import Kind
from llmexam.solvers.spec import SolverSpec

_NAME = re.compile(r"[A-Za-z0-9._+-]+")


class MemberPlan(SolverSpec):
    """A member of the ranker."""

    out_of_fold: LocalPath | None = Field(
        None,
        description="Parquet file with out-of-fold scores of the training questions; required "
        "for a trained member",
    )
    trained_elsewhere: bool = Field(
        False,
        description="declare that a trained member has seen none of the training questions, so "
        "that it may score them",
    )


class RankerTrainingSettings(Settings):
    """Settings of the training of rankers. Unset hyperparameters are tuned by cross-validation."""

    members: tuple[MemberPlan, ...] = Field(min_length=1, description="the solvers to combine")
    kind: Kind = Field(
        "blend",
        description="model type. logit: conditional logit; trees: gradient-boosted trees; blend: "
        "mean of both",
    )
    use_features: bool = Field(
        True, description="also use the features of members that have some and are not trained"
    )
    ridge: float | None = Field(
        None,
        gt=0,
        description="L2 penalty of the logit, in units of questions; chosen by cross-validation "
        "if not set",
    )
    weigh_texts: bool | None = Field(
        None,
        description="whether the logit uses text features of the options (such as length); "
        "chosen by cross-validation if not set. Trees always use them",
    )
    n_rounds: int | None = Field(
        None,
        ge=0,
        le=5000,
        description="number of boosting rounds; chosen by cross-validation if not set",
    )
    max_rounds: int = Field(300, ge=10, le=5000, description="maximum number of boosting rounds")
    learning_rate: float = Field(
        0.05, gt=0, le=1, description="learning rate of the boosting (shrinkage)"
    )
    n_leaves: int = Field(8, ge=2, le=256, description="number of leaves per tree")
    min_leaf_options: int = Field(40, ge=1, description="minimum number of options per leaf")
    column_share: float = Field(
        0.4, gt=0, le=1, description="share of the columns sampled for each tree"
    )
    n_folds: int = Field(
        5, ge=2, description="number of folds of the ranker's own out-of-fold scores"
    )
    n_inner_folds: int = Field(
        4, ge=2, description="number of inner folds that choose ridge and boosting rounds"
    )
    member_gains: bool = Field(
        True, description="also train without each member, to measure its contribution"
    )
    k: int = Field(3, ge=1, le=26, description="how many top-ranked options count in the metrics")
    n_threads: int = Field(1, ge=1, le=256, description="number of threads")
    seed: int = Field(0, ge=0, lt=2**31, description="random seed of folds and trees")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [member.name for member in self.members]
        for name in names:
            # They begin the names of columns.
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"expected letters, digits and . _ + - in a member name, got '{name}'"
                )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two members have the name '{twice[0]}'. Set another `name` for one of them"
            )
        return self
