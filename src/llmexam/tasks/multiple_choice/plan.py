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
    """How rankings are graded."""

    k: int = Field(
        3,
        ge=1,
        le=26,
        description="how many of the first options count in metrics and go into the submission",
    )
    positions: bool = Field(True, description="score all rotations of the options")
    compare: tuple[SampleOrPath, ...] = Field(
        (), description="submissions or score files to compare the result with"
    )


class Plan(RunPlan):
    """The plan of a run over a multiple-choice exam."""

    evidence: EvidencePlan = EvidencePlan()
    solvers: tuple[SolverPlan, ...] = Field(min_length=1, description="who answers")
    ensemble: EnsembleSettings = EnsembleSettings()
    final: str | None = Field(
        None,
        description="name of the solver whose scores are the result, such as a ranker, all "
        "others being scored and compared; the ensemble of all if not set",
    )
    evaluation: EvaluationPlan = EvaluationPlan()
    audit_against: tuple[SampleOrPath, ...] = Field(
        (), description="files the exam should share no questions with, such as training files"
    )

    @model_validator(mode="after")
    def _check_names(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        # Names are file names, and some file systems do not tell A from a.
        folded = [name.casefold() for name in names]
        twice = sorted(name for name in names if folded.count(name.casefold()) > 1)
        if twice:
            raise ValueError(f"two solvers are called '{twice[0]}': give one another `name`")
        for name in names:
            if not name or not set(name) <= set(_NAME_CHARACTERS) or name in (".", ".."):
                raise ValueError(
                    f"solver name '{name}' has characters other than letters, digits, . _ + -"
                )
            if len(name) > _LONGEST_NAME:
                raise ValueError(f"a solver name has {len(name)} characters: {name[:20]}...")
            if name == ENSEMBLE_NAME:
                raise ValueError(f"no solver can be called '{ENSEMBLE_NAME}'")
        return self

    @model_validator(mode="after")
    def _check_final(self) -> Plan:
        names = [solver.name for solver in self.solvers]
        if self.final is not None and self.final not in names:
            raise ValueError(f"there is no solver '{self.final}': {nearest(self.final, names)}")
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
