"""The plan of a run: what the YAML file says, checked before anything starts."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from llmexam.ensemble.combine import check_weights
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import nearest
from llmexam.retrieval.plan import EvidencePlan
from llmexam.settings.kinds import SampleOrPath
from llmexam.solvers.spec import SolverSpec
from llmexam.tasks.plan import GradingPlan, RunPlan


class SolverPlan(SolverSpec):
    """A solver of a run and its settings.

    In YAML a name, a mapping with `solver` and its settings, or a name with a mapping of them.
    """


class EvaluationPlan(GradingPlan):
    """Evaluation settings of rankings."""

    k: int = Field(
        3,
        ge=1,
        le=26,
        description="how many top-ranked options count in the metrics and go into the submission",
    )
    positions: bool = Field(
        True, description="also score all rotations of the options, to measure position bias"
    )
    compare: tuple[SampleOrPath, ...] = Field(
        (), description="submissions or score files to compare the result with"
    )


class Plan(RunPlan):
    """Plan of a run on a multiple-choice exam."""

    evidence: EvidencePlan = EvidencePlan()
    solvers: tuple[SolverPlan, ...] = Field(min_length=1, description="the solvers to run")
    ensemble: EnsembleSettings = EnsembleSettings()
    final: str | None = Field(
        None,
        description="name of the solver whose scores are the result, such as a ranker; defaults "
        "to the ensemble of all solvers",
    )
    evaluation: EvaluationPlan = EvaluationPlan()
    audit_against: tuple[SampleOrPath, ...] = Field(
        (), description="files that must share no questions with the exam, such as training files"
    )

    @model_validator(mode="after")
    def _check_names(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        # Names are file names, and some file systems do not tell A from a.
        folded = [name.casefold() for name in names]
        twice = sorted(name for name in names if folded.count(name.casefold()) > 1)
        if twice:
            raise ValueError(
                f"two solvers have the name '{twice[0]}'. Set another `name` for one of them"
            )
        for name in names:
            if not name or not set(name) <= set(_NAME_CHARACTERS) or name in (".", ".."):
                raise ValueError(
                    f"expected letters, digits and . _ + - in a solver name, got '{name}'"
                )
            if len(name) > _LONGEST_NAME:
                raise ValueError(
                    f"expected a shorter solver name, got {len(name)} characters: {name[:20]}..."
                )
            if name == ENSEMBLE_NAME:
                raise ValueError(f"the solver name '{ENSEMBLE_NAME}' is reserved")
        return self

    @model_validator(mode="after")
    def _check_final(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        if self.final is not None and self.final not in names:
            raise ValueError(f"unknown solver '{self.final}': {nearest(self.final, names)}")
        return self

    def completed(self) -> Self:
        """Return the plan with its seed for solvers that were not given one."""
        solvers = tuple(_seeded(solver, self.seed) for solver in self.solvers)
        return self.model_copy(update={"solvers": solvers})

    @property
    def combines(self) -> bool:
        """Whether the result is an ensemble of several solvers."""
        return self.final is None and len(self.solvers) > 1

    @model_validator(mode="after")
    def _check_weights(self) -> Plan:
        """Find a wrong weight before the solvers have worked for hours."""
        if isinstance(self.ensemble.weights, dict):
            check_weights([solver.name for solver in self.solvers], self.ensemble.weights)
        return self


ENSEMBLE_NAME = "ensemble"
# It becomes part of file names, which may have 255 bytes.
_LONGEST_NAME = 100
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"


def _seeded(solver: SolverPlan, seed: int) -> SolverPlan:
    """Return a solver with the plan's seed where it has a seed and was not given one."""
    settings = solver.settings
    if "seed" not in type(settings).model_fields or "seed" in settings.model_fields_set:
        return solver
    return solver.model_copy(update={"settings": settings.model_copy(update={"seed": seed})})
