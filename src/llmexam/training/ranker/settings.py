"""How a ranker is trained."""

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
    """A solver that the ranker learns to weigh."""

    out_of_fold: LocalPath | None = Field(
        None,
        description="scores of the training questions by models that never saw them (Parquet); "
        "a trained member needs them",
    )
    trained_elsewhere: bool = Field(
        False,
        description="say that a trained member saw none of the training questions, so that it "
        "may score them itself",
    )


class RankerTrainingSettings(Settings):
    """How a ranker is trained. It takes seconds, and what it chooses it chooses by folds."""

    members: tuple[MemberPlan, ...] = Field(min_length=1, description="the solvers to weigh")
    kind: Kind = Field(
        "blend",
        description="logit: a weighted sum; trees: gradient-boosted trees; blend: their mean",
    )
    use_features: bool = Field(
        True, description="read what a member measures, too, if it tells and was not trained"
    )
    ridge: float | None = Field(
        None,
        gt=0,
        description="pull of the logit's weights to 0, in questions; chosen by folds if not set",
    )
    weigh_texts: bool | None = Field(
        None,
        description="whether the logit weighs what the options' texts look like, too; chosen by "
        "folds if not set. Trees always may",
    )
    n_rounds: int | None = Field(
        None, ge=0, le=5000, description="trees; chosen by folds if not set"
    )
    max_rounds: int = Field(300, ge=10, le=5000, description="trees to choose from")
    learning_rate: float = Field(0.05, gt=0, le=1, description="share of a tree that counts")
    n_leaves: int = Field(8, ge=2, le=256, description="leaves of a tree")
    min_leaf_options: int = Field(40, ge=1, description="options a leaf has at least")
    column_share: float = Field(
        0.4, gt=0, le=1, description="share of the columns that a tree may ask about"
    )
    n_folds: int = Field(5, ge=2, description="folds of the ranker's own out-of-fold scores")
    n_inner_folds: int = Field(4, ge=2, description="folds that choose ridge and rounds")
    member_gains: bool = Field(
        True, description="train without each member, too, to tell what it brings"
    )
    k: int = Field(3, ge=1, le=26, description="how many of the first options count in metrics")
    n_threads: int = Field(1, ge=1, le=256, description="threads of the trees")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of folds and trees")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [member.name for member in self.members]
        for name in names:
            # They begin the names of columns.
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"member name '{name}' has characters other than letters, digits, . _ + -"
                )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two members are called '{twice[0]}': give one another `name`")
        return self
