"""A combination of recoverers, with weights fitted on rows that the members have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from llmexam.errors import ExamError
from llmexam.recovery.agreement import Agreement
from llmexam.recovery.combining import Combiner, Gate, Join
from llmexam.recovery.embeddings import EmbedderSettings
from llmexam.recovery.groups import grouped_folds, prompt_groups
from llmexam.recovery.recoverer import Progress, Recoverer, Recovery, no_progress
from llmexam.recovery.recoverers.spec import RecovererSpec
from llmexam.recovery.rewrites import RewriteExam
from llmexam.settings.kinds import ModelRef
from llmexam.solvers.protocol import Usage
from llmexam.storage.hashing import hash_json


class CombinationSettings(EmbedderSettings):
    """Settings of `combination`."""

    members: tuple[RecovererSpec, ...] = Field(
        tuple(map(RecovererSpec.model_validate, ("regressor", "nearest-neighbours"))),
        min_length=2,
        description="the recoverers, as in the plan's `solvers`; for `gate` in the order in which "
        "they are tried",
    )
    mode: Literal["agree", "gate", "join"] = Field(
        "agree",
        description="agree: the candidate with the best weighted expected score over all members' "
        "candidates; gate: the first member whose confidence reaches its fitted threshold; "
        "join: the texts of the members that together score best, concatenated",
    )
    embedder: ModelRef = Field("bundled", description="embedder of the score that is fitted")
    folds: int = Field(
        3,
        ge=2,
        le=20,
        description="folds of the training rows, by groups of near-equal prompts, on which "
        "weights, thresholds and order are chosen",
    )
    max_tokens: int = Field(
        64, ge=1, le=100_000, description="tokens of a joined text, by the embedder's tokenizer"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the folds")

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [member.name for member in self.members]
        twice = sorted(name for name in names if names.count(name) > 1)
        if twice:
            raise ValueError(
                f"two members have the name '{twice[0]}'. Set another `name` for one of them"
            )
        return self


@dataclass(frozen=True, slots=True)
class JoinedUsage:
    """Usage of several members.

    Attributes:
        parts: Name and usage of each member; the usage is empty for those that use only time.
    """

    parts: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return the usage of the members as one text."""
        return "; ".join(f"{name}: {usage}" for name, usage in self.parts if usage)

    def since(self, earlier: JoinedUsage) -> JoinedUsage:
        """Return the same: texts cannot be subtracted."""
        return self


class Combination(Recoverer):
    """Combines the answers of several recoverers into one.

    Attributes:
        combiner: What was chosen on folds of the training rows.
    """

    extra = "encoders"
    package = "torch"
    settings_class = CombinationSettings
    is_fitted = True
    _learned: bool = False

    @cached_property
    def members(self) -> Sequence[Recoverer]:
        """The members: one of each for all folds, so that usage and budget are those of all."""
        return [spec.make() for spec in self.settings.members]

    def used(self) -> Usage:
        """Return what each member used."""
        names = [spec.name for spec in self.settings.members]
        return JoinedUsage(
            tuple(zip(names, (str(member.used()) for member in self.members), strict=True))
        )

    @property
    def weights_hash(self) -> str:
        """Hash of the embedder and of the models of the members."""
        own = self.settings.vectors.embedder.weights_hash
        return hash_json([own, [member.weights_hash for member in self.members]])

    @cached_property
    def combiner(self) -> Combiner:
        """How answers are combined."""
        vectors = self.settings.vectors
        if self.settings.mode == "join":
            return Join(vectors, max_tokens=self.settings.max_tokens)
        return Gate(vectors) if self.settings.mode == "gate" else Agreement(vectors)

    def fit(self, train: RewriteExam, progress: Progress = no_progress) -> None:
        """Choose how to combine on folds of the training rows, then fit members on all of them.

        Raises:
            ExamError: A prompt is not known, or there are too few groups of near-equal prompts.
        """
        groups = prompt_groups(train.prompts)
        n_groups = len(set(groups.tolist()))
        if n_groups < 2:
            raise ExamError(
                "expected training rows with at least 2 groups of near-equal prompts to choose "
                f"weights on, got {n_groups}",
                hint="Give more training rows, or use one of the members alone",
            )
        # Before members are fitted, which may take hours.
        new = self.seen_rows.unseen(train, model="a model of a member", field="members").tolist()
        n_folds = min(self.settings.folds, n_groups)
        folds = grouped_folds(groups, n_folds, seed=self.settings.seed)
        n_steps = (n_folds + 1) * len(self.settings.members)
        answers: list[list[Recovery]] = []
        unlabelled = train.without_prompts()
        for number, (spec, member) in enumerate(
            zip(self.settings.members, self.members, strict=True)
        ):
            found: dict[int, Recovery] = {}
            for fold in range(n_folds):
                if member.is_fitted:
                    others = train.subset(np.flatnonzero(folds != fold).tolist())
                    _fit_apart(spec.name, member, others, n_folds, len(train))
                rows = np.flatnonzero(folds == fold).tolist()
                found |= zip(rows, member.recover(unlabelled.subset(rows)), strict=True)
                progress(number * (n_folds + 1) + fold + 1, n_steps)
            answers.append([found[row] for row in range(len(train))])
        self.combiner.fit([[own[row] for row in new] for own in answers], train.subset(new).prompts)
        for member in self.members:
            if member.is_fitted:
                member.fit(train)
        self._learned = True
        progress(n_steps, n_steps)

    def recover(self, items: RewriteExam, progress: Progress = no_progress) -> Sequence[Recovery]:
        """Return the combined recovery of each row."""
        if not self._learned:
            raise RuntimeError("fit must be called before recover")
        if not len(items):
            return []
        answers = []
        for number, member in enumerate(self.members, 1):
            answers.append(list(member.recover(items)))
            progress(number * len(items) // len(self.members), len(items))
        return self.combiner.combine(answers)


def _fit_apart(
    name: str, member: Recoverer, others: RewriteExam, n_folds: int, n_rows: int
) -> None:
    """Fit a member on the rows of all folds but one.

    Raises:
        ExamError: It cannot be fitted on them.
    """
    try:
        member.fit(others)
    except ExamError as error:
        raise ExamError(
            f"member '{name}' cannot be fitted without one of {n_folds} folds of the {n_rows} "
            f"training rows: {error.message}",
            file=error.file,
            field=error.field,
            hint="Give more training rows, or use one of the members alone",
        ) from error
