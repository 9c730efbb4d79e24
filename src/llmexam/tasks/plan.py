"""Base classes of plans: the keys that all tasks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_letters, digits
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from llmexam.errors import SettingsError, nearest
from llmexam.evaluation.clusters import AUTO, CLUSTER_SUFFIXES
from llmexam.exam.selection import matching_rows
from llmexam.sample import exam_path
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.durations import parse_duration
from llmexam.settings.kinds import FileReference, LocalPath, SampleOrPath
from llmexam.solvers.spec import SolverSpec

# It becomes part of file names, which may have 255 bytes.
_LONGEST_NAME = 100
_NAME_CHARACTERS = frozenset(ascii_letters + digits + "._+-")


class ExamPlan(Settings):
    """Exam file of the run."""

    shorthand = "path"

    path: SampleOrPath = Field(
        description="path of the exam file, or `bundled` for the sample exam"
    )
    format: str | None = Field(None, description="format of the file; auto-detected by default")
    where: dict[str, OneOrMany[str]] = Field(
        {},
        description="only the items with these values of metadata fields, one value or several: "
        "`source: [sciq/train]`",
    )

    def select(self, metadata: Sequence[Mapping[str, str]]) -> list[int] | None:
        """Return which of the file's items match `where`; None for all.

        Raises:
            ExamError: No item has one of the values.
        """
        return matching_rows(metadata, self.where, file=self.path)

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)


class GradingPlan(Settings):
    """Evaluation settings."""

    n_resamples: int = Field(
        10_000, ge=100, le=1_000_000, description="number of bootstrap resamples"
    )
    cluster_by: Annotated[str, FileReference(suffixes=CLUSTER_SUFFIXES)] = Field(
        AUTO,
        description="which items are not independent, so that intervals and tests resample them "
        "together: a metadata field; `passage`, the title of the first passage given with the "
        "question; a CSV file with the columns id and cluster; or `none`. `auto` uses the field "
        "`cluster` if most questions have it, and groups of near-equal prompts for prompt recovery",
    )
    margin: float | None = Field(
        None,
        gt=0,
        description="difference in the primary metric that does not matter: comparisons also test "
        "whether the result is no worse, or equivalent, within this margin",
    )


class RunPlan(Settings):
    """Keys that the plans of all tasks share; each task adds its own.

    Attributes:
        reserved_names: Names that no solver can have.
    """

    reserved_names: ClassVar[frozenset[str]] = frozenset()

    title: str = Field("", description="title of the report")
    task: str = Field(
        "multiple-choice",
        description="kind of exam: multiple-choice, prompt-recovery, or the task of a plug-in",
    )
    exam: ExamPlan
    solvers: tuple[SolverSpec, ...] = Field(min_length=1, description="the solvers to run")
    final: str | None = Field(
        None, description="name of the solver whose answers are the result; defaults to the first"
    )
    evaluation: GradingPlan = GradingPlan()
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="random seed of the run")
    time_limit: str | None = Field(
        None,
        description="time limit of each start of the run, such as `9h` or `1h30m`; "
        "`--time-limit` takes precedence",
    )
    values: LocalPath | None = Field(
        None,
        description="folder of an earlier run of the plan on an exam with answers: with a time "
        "limit, solvers run in the order of expected gain per second, computed from that run",
    )

    @field_validator("time_limit", mode="before")
    @classmethod
    def _check_limit(cls, value: Any) -> Any:
        # YAML reads 90 as a number.
        text = str(value) if isinstance(value, int | float) else value
        if isinstance(text, str):
            try:
                parse_duration(text)
            except SettingsError as error:
                raise ValueError(str(error)) from None
        return text

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [solver.name for solver in self.solvers]
        if not names:
            raise ValueError("expected at least 1 solver, got none")
        # Names are file names, and some file systems do not tell A from a.
        folded = [name.casefold() for name in names]
        twice = sorted(name for name in names if folded.count(name.casefold()) > 1)
        if twice:
            raise ValueError(
                f"two solvers have the name '{twice[0]}'. Set another `name` for one of them"
            )
        for name in names:
            if not name or not set(name) <= _NAME_CHARACTERS or name in (".", ".."):
                raise ValueError(
                    f"expected letters, digits and . _ + - in a solver name, got '{name}'"
                )
            if len(name) > _LONGEST_NAME:
                raise ValueError(
                    f"expected a shorter solver name, got {len(name)} characters: {name[:20]}..."
                )
            if name in self.reserved_names:
                raise ValueError(f"the solver name '{name}' is reserved")
        if self.final is not None and self.final not in names:
            raise ValueError(f"unknown solver '{self.final}': {nearest(self.final, names)}")
        return self

    def completed(self) -> Self:
        """Return the plan with its seed set for solvers without a seed of their own."""
        solvers = tuple(_seeded(solver, self.seed) for solver in self.solvers)
        return self.model_copy(update={"solvers": solvers})


def _seeded(solver: SolverSpec, seed: int) -> SolverSpec:
    """Return a solver with the plan's seed where it has a seed and was not given one."""
    settings = solver.settings
    if "seed" not in type(settings).model_fields or "seed" in settings.model_fields_set:
        return solver
    return solver.model_copy(update={"settings": settings.model_copy(update={"seed": seed})})
