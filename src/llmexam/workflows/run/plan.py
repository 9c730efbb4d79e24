"""The plan of a run: what the YAML file says, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from llmexam.ensemble.combine import check_weights
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.errors import nearest
from llmexam.sample import BUNDLED, exam_path
from llmexam.settings.base import Settings
from llmexam.settings.kinds import SampleOrPath
from llmexam.settings.walk import resolve_references
from llmexam.settings.yaml_file import merge_changes, read_yaml_file
from llmexam.solvers.spec import SolverSpec
from llmexam.workflows.evidence.plan import EvidencePlan


class ExamPlan(Settings):
    """The exam."""

    shorthand = "path"

    path: SampleOrPath = Field(description="the file, or `bundled` for the sample")
    format: str | None = Field(None, description="its format; found out where it is not given")

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)


class SolverPlan(SolverSpec):
    """A solver of a run and its settings.

    In YAML a name, a mapping with `solver` and its settings, or a name with a mapping of them.
    """


class EvaluationPlan(Settings):
    """How results are graded."""

    k: int = Field(
        3,
        ge=1,
        le=26,
        description="how many of the first options count in metrics and go into the submission",
    )
    n_resamples: int = Field(10_000, ge=100, le=1_000_000, description="bootstrap resamples")
    positions: bool = Field(True, description="score all rotations of the options")
    compare: tuple[SampleOrPath, ...] = Field(
        (), description="submissions or score files to compare the result with"
    )


class Plan(Settings):
    """A whole run."""

    title: str = Field("", description="headline of the report")
    exam: ExamPlan
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
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="seed of everything that draws numbers")

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

DEMO = {
    "title": "The bundled sample exam",
    "exam": BUNDLED,
    "evidence": {"corpus": [BUNDLED]},
    "solvers": ["lexical", "bi-encoder"],
    "evaluation": {"positions": True},
}


def read_plan(path: str | Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """Read and check a plan; relative paths in it start at its folder, those of models too.

    Args:
        path: A YAML file, or `demo` for the plan over the bundled sample.
        changes: Keys to change, nested like the plan.

    Raises:
        SettingsError: The file cannot be read, or a key or value in it is wrong.
        MissingDependencyError: A solver in it needs a package that is not installed.
    """
    if str(path) == "demo":
        return parse_plan(merge_changes(DEMO, changes or {}, Plan), base=Path.cwd(), file=None)
    values = read_yaml_file(path, kind="plan", keys="exam and solvers")
    return parse_plan(merge_changes(values, changes or {}, Plan), base=Path(path).parent, file=path)


def parse_plan(values: Mapping[str, Any], *, base: Path, file: str | Path | None) -> Plan:
    """Check a plan given as a mapping, and fill in all defaults.

    Args:
        values: The plan.
        base: The folder that relative paths start at.
        file: The file it came from, for error texts.

    Raises:
        SettingsError: A key or value is wrong.
        MissingDependencyError: A solver needs a package that is not installed.
    """
    plan = Plan.parse(values, subject="the plan", file=file, given_as="{name}: {value}")
    solvers = tuple(_seeded(solver, plan.seed) for solver in plan.solvers)
    return resolve_references(plan.model_copy(update={"solvers": solvers}), base)


def _seeded(solver: SolverPlan, seed: int) -> SolverPlan:
    """Return a solver with the plan's seed where it has a seed and was not given one."""
    settings = solver.settings
    if "seed" not in type(settings).model_fields or "seed" in settings.model_fields_set:
        return solver
    return solver.model_copy(update={"settings": settings.model_copy(update={"seed": seed})})
