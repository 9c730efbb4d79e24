"""Solver `ranker`: weighs the scores and features of other solvers with trained weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from llmexam.errors import ModelError
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.lm.models.card import EvidenceOrigin, ModelCard, read_card, require_family
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef, NotInKey
from llmexam.solvers.members import usage_of_members
from llmexam.solvers.protocol import (
    BaseSolver,
    Cost,
    Explanation,
    OptionReason,
    Solver,
    Support,
    Usage,
)
from llmexam.solvers.ranker.asking import ask_members
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.members import read_members
from llmexam.solvers.ranker.model import (
    RANKER_FILE,
    RankerModel,
    load_ranker,
    read_ranker_file,
)
from llmexam.solvers.registry import create_solver, solver_class, solver_entries
from llmexam.storage.hashing import hash_json

Floats = NDArray[np.float64]

# Number of questions whose rows are cached for `explain`, some 2 kB each.
_MAX_CACHED = 20_000
_N_REASONS = 3


class RankerSettings(Settings):
    """Settings of solver `ranker`."""

    user_only = frozenset({"members"})

    model: ModelRef = Field(
        description="folder of a trained ranker (`llmexam train`)", min_length=1
    )
    members: dict[str, dict[str, Any]] = Field(
        {},
        description="settings of members by name, which override those stored with the ranker. "
        "Endpoint address, key variable and model of a served member, and models on "
        "the Hugging Face hub, can be set here only. A model must be the one that "
        "the ranker was trained with",
    )
    allow_other_evidence: Annotated[bool, NotInKey()] = Field(
        False, description="accept evidence retrieved with other settings than in training"
    )

    def change_untyped(
        self,
        changed: Mapping[str, Any],
        change: Callable[[type[BaseModel], Mapping[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return the members' settings after a change; the ranker's folder names their solvers."""
        folders = [Path(one) for one in (changed.get("model", self.model), self.model)]
        folder = next((one for one in folders if (one / RANKER_FILE).is_file()), None)
        if not self.members or folder is None:
            return {}
        solvers = {one.name: one.solver for one in read_ranker_file(folder).members}
        return {
            "members": {
                name: change(solver_class(solvers[name]).settings_class, values)
                if name in solvers
                else values
                for name, values in self.members.items()
            }
        }


class RankerSolver(BaseSolver):
    """A light model over the scores and features of its members, which its folder records.

    Scores are log-odds. They depend on the question alone, and on the positions of its options
    only if a member's scores do.

    Raises:
        ModelError: The folder is damaged, or a member needs settings that only the user may give.
        SettingsError: The folder has no ranker, or settings name an unknown member.
    """

    settings_class = RankerSettings
    settings: RankerSettings

    def __init__(self, settings: RankerSettings | None = None, **values: Any) -> None:
        super().__init__(settings, **values)
        settings = self.settings
        self.card: ModelCard = require_family(settings.model, read_card(settings.model), "ranker")
        self._specs = read_members(settings.model, settings.members)
        self._given: dict[str, Solver] = {}
        self._cache: dict[str, tuple[Question, OptionRows, bool]] = {}

    @cached_property
    def members(self) -> Mapping[str, Solver]:
        """The member solvers, by name."""
        made = {
            spec.name: self._given.get(spec.name) or create_solver(spec.solver, spec.settings)
            for spec in self._specs
        }
        for spec in self._specs:
            found = made[spec.name].describe().weights_hash
            if spec.weights_hash and found != spec.weights_hash:
                raise ModelError(
                    f"the model of member '{spec.name}' differs from the one that the "
                    "ranker was trained with, or another version of llmexam trained "
                    "the ranker",
                    file=self.settings.model,
                    field=f"members.{spec.name}",
                    hint="Train the ranker again, or set the folder of the member's original model",
                )
        return made

    def with_members(self, members: Mapping[str, Solver]) -> Self:
        """Return this ranker with some members replaced, by name."""
        other = type(self)(self.settings)
        other._given = {**self.members, **members}
        return other

    @property
    def takes_other_evidence(self) -> bool:
        """Whether the user allowed evidence from other retrieval than in training."""
        return self.settings.allow_other_evidence

    @property
    def trained_on_evidence(self) -> EvidenceOrigin | None:
        """Retrieval of the evidence in its training; None if no member reads evidence."""
        entries = solver_entries()
        reads = any(entries[spec.solver].uses_evidence for spec in self._specs)
        return self.card.evidence if reads else None

    @property
    def order_invariant(self) -> bool:
        """Whether all members are order invariant."""
        return all(member.describe().order_invariant for member in self.members.values())

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 over the ranker and the models of its members."""
        saved = read_ranker_file(self.settings.model)
        own = [member.describe().weights_hash for member in self.members.values()]
        return hash_json([saved.model_dump(mode="json"), own])

    @property
    def cost(self) -> Cost:
        """Cost model: the sum of its members."""
        return "members"

    def used(self) -> Usage:
        """Return the resources that its members have used so far, beside time."""
        return usage_of_members(self.members)

    @cached_property
    def _model(self) -> RankerModel:
        return load_ranker(self.settings.model)

    def score(self, questions: Sequence[Question]) -> ScoreMatrix:
        """Return the log-odds of each option, shape `[n_questions, n_options]`.

        A question is truncated if it is truncated for any member.
        """
        table, truncated = self._read(questions)
        utilities = self._model.utilities(table)
        return ScoreMatrix.from_rows(
            [question.id for question in questions],
            [table.restore(i, values) for i, values in enumerate(utilities)],
            truncated,
        )

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """Return explanations with the largest contributions and the first member's evidence."""
        table, _ = self._read(questions)
        supports = self._supports(questions)
        found = []
        for index, (question, parts) in enumerate(
            zip(questions, self._model.contributions(table), strict=True)
        ):
            # Contributions that all options share do not affect the ranking.
            against = table.restore(index, parts - parts.mean(axis=0))
            reasons = tuple(
                OptionReason(_note(table.names, own), supports[index][i])
                for i, own in enumerate(against)
            )
            found.append(Explanation(question.id, reasons))
        return found

    def _read(self, questions: Sequence[Question]) -> tuple[OptionRows, list[bool]]:
        """Return the rows of all options, cached so that `explain` does not run members again."""
        new = [q for q in questions if not self._is_cached(q)]
        fresh: dict[str, tuple[Question, OptionRows, bool]] = {}
        if new:
            with_features = {spec.name: spec.uses_features for spec in self._specs}
            table, scores = ask_members(new, self.members, with_features)
            if table.names != self._model.names:
                raise ModelError(
                    "the features of the members differ from those in training",
                    file=self.settings.model,
                    hint="Train the ranker again",
                )
            cut = np.any([matrix.truncated for matrix in scores.values()], axis=0)
            fresh = {q.id: (q, table.subset([i]), bool(cut[i])) for i, q in enumerate(new)}
        parts = [fresh.get(q.id) or self._cache[q.id] for q in questions]
        if len(self._cache) + len(fresh) > _MAX_CACHED:
            self._cache.clear()
        self._cache.update(fresh)
        table = OptionRows(
            self._model.names,
            tuple(part.rows[0] for _, part, _ in parts),
            tuple(part.orders[0] for _, part, _ in parts),
        )
        return table, [cut for _, _, cut in parts]

    def _is_cached(self, question: Question) -> bool:
        # By identity: another exam may have a question with the same id.
        cached = self._cache.get(question.id)
        return cached is not None and cached[0] is question

    def _supports(self, questions: Sequence[Question]) -> list[list[tuple[Support, ...]]]:
        """Return supports of the first member that has any, by question and option."""
        found: list[list[tuple[Support, ...]]] = [[()] * len(q.options) for q in questions]
        for member in self.members.values():
            open_ = [i for i, row in enumerate(found) if questions[i].passages and not any(row)]
            if not open_:
                break
            explained = member.explain([questions[i] for i in open_])
            for i, explanation in zip(open_, explained, strict=True):
                found[i] = [reason.supports for reason in explanation.options]
        return found


def _note(names: Sequence[str], parts: Floats) -> str:
    """Return the largest contributions for or against an option, strongest first."""
    largest = np.argsort(-np.abs(parts), kind="stable")[:_N_REASONS]
    said = [f"{names[i]} {parts[i]:+.2f}" for i in largest if abs(parts[i]) >= 0.005]
    return (
        f"log-odds {parts.sum():+.2f}: {', '.join(said)}" if said else "no feature distinguishes it"
    )
