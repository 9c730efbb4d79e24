"""The plan of a multiple-choice run, validated before anything runs."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field, model_validator

from llmexam.ensemble.combine import check_weights
from llmexam.ensemble.settings import EnsembleSettings
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam_with
from llmexam.exam.reading_settings import ReadingSettings
from llmexam.retrieval.plan import EvidencePlan
from llmexam.settings.kinds import SampleOrPath
from llmexam.solvers.spec import SolverSpec
from llmexam.tasks.plan import ExamPlan, GradingPlan, RunPlan

ENSEMBLE_NAME = "ensemble"


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
    explanations: bool = Field(True, description="also write each solver's reasons for its scores")
    slice_by: str | None = Field(
        None,
        description="metadata field, such as `subject`: the questions of each value are graded "
        "separately, and the mean over the values is shown",
    )
    compare: tuple[SampleOrPath, ...] = Field(
        (), description="submissions or score files to compare the result with"
    )


class ChoiceExamPlan(ExamPlan, ReadingSettings):
    """Exam file of the run, and how it is read."""

    limit: int | None = Field(
        None, ge=1, description="number of questions to read, from the first; all by default"
    )
    sample: int | None = Field(
        None, ge=1, description="number of questions to draw at random; all by default"
    )
    sample_seed: int = Field(0, ge=0, description="random seed of `sample`")

    def read(self) -> Exam:
        """Return the exam of the file.

        Raises:
            ExamError: It cannot be read.
        """
        options = replace(
            self.read_options(self.format),
            limit=self.limit,
            sample=self.sample,
            seed=self.sample_seed,
        )
        return read_exam_with(self.file, options)

    def read_selected(self) -> Exam:
        """Return the questions of the file that match `where`: those that a run answers.

        Raises:
            ExamError: It cannot be read, or no question matches.
        """
        exam = self.read()
        rows = self.select([question.metadata for question in exam])
        return exam if rows is None else exam.subset(rows)


class Plan(RunPlan):
    """Plan of a run on a multiple-choice exam."""

    reserved_names = frozenset({ENSEMBLE_NAME})

    exam: ChoiceExamPlan

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
