"""What every plan says, whatever the task."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from llmexam.sample import exam_path
from llmexam.settings.base import Settings
from llmexam.settings.kinds import SampleOrPath


class ExamPlan(Settings):
    """Exam file of the run."""

    shorthand = "path"

    path: SampleOrPath = Field(
        description="path of the exam file, or `bundled` for the sample exam"
    )
    format: str | None = Field(None, description="format of the file; auto-detected by default")

    @property
    def file(self) -> Path:
        """The file to read."""
        return exam_path(self.path)


class GradingPlan(Settings):
    """Evaluation settings."""

    n_resamples: int = Field(
        10_000, ge=100, le=1_000_000, description="number of bootstrap resamples"
    )


class RunPlan(Settings):
    """Keys that the plans of all tasks share; each task adds its own."""

    title: str = Field("", description="title of the report")
    task: str = Field("multiple-choice", description="type of the exam's task")
    exam: ExamPlan
    evaluation: GradingPlan = GradingPlan()
    seed: int = Field(0, ge=0, lt=2**32 - 1, description="random seed of the run")

    def completed(self) -> Self:
        """Return the plan with values that follow from others, such as the solvers' seeds."""
        return self
