"""What every plan says, whatever the task."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from llmexam.sample import exam_path
from llmexam.settings.base import Settings
from llmexam.settings.kinds import SampleOrPath


class ExamPlan(Settings):
    """The exam."""

    shorthand = "path"

    path: SampleOrPath = Field(description="the file, or `bundled` for the sample")
    format: str | None = Field(None, description="its format; auto-detected if not set")

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)


class GradingPlan(Settings):
    """How results are graded."""

    n_resamples: int = Field(10_000, ge=100, le=1_000_000, description="bootstrap resamples")


class RunPlan(Settings):
    """The keys that the plan of every task has; a task adds its own."""

    title: str = Field("", description="headline of the report")
    task: str = Field("multiple-choice", description="what the exam asks for")
    exam: ExamPlan
    evaluation: GradingPlan = GradingPlan()
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="random seed of the run")

    def completed(self) -> Self:
        """Return the plan with values that follow from others, such as the solvers' seeds."""
        return self
