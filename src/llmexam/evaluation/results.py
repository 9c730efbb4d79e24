"""Results of an evaluation: frozen data classes with the layout of `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SerializeAsAny, field_validator

from llmexam.errors import SettingsError, nearest
from llmexam.evaluation.comparisons import AdjustedP as AdjustedP
from llmexam.evaluation.comparisons import Comparison as Comparison
from llmexam.evaluation.comparisons import ComparisonFamily as ComparisonFamily
from llmexam.evaluation.comparisons import Equivalence as Equivalence
from llmexam.evaluation.comparisons import EquivalenceVerdict as EquivalenceVerdict
from llmexam.evaluation.comparisons import Flip as Flip
from llmexam.evaluation.comparisons import FullComparison as FullComparison
from llmexam.evaluation.diagnostics import Diagnostics as Diagnostics
from llmexam.evaluation.diagnostics import FacetResult as FacetResult
from llmexam.evaluation.diagnostics import RecoveryDiagnostics as RecoveryDiagnostics
from llmexam.evaluation.diagnostics import TextTruncation as TextTruncation
from llmexam.evaluation.estimates import ClusterInfo as ClusterInfo
from llmexam.evaluation.estimates import Estimate as Estimate
from llmexam.evaluation.estimates import MacroMean as MacroMean
from llmexam.evaluation.estimates import MacroMetric as MacroMetric
from llmexam.evaluation.estimates import MetricInfo as MetricInfo
from llmexam.evaluation.estimates import MetricResult as MetricResult
from llmexam.evaluation.estimates import Result
from llmexam.evaluation.estimates import Slice as Slice

SCHEMA_VERSION: Literal[2] = 2
"""Version of the layout of `metrics.json` and of the grades in a training's `results.json`."""


class LetterRecall(Result):
    """Recall of one option letter, and how often it is chosen.

    Attributes:
        letter: Letter of the position.
        n_answers: Questions whose right option has this letter.
        n_chosen: Questions whose first choice has this letter.
        recall: Share of the questions with this right option whose first choice is right; None
            where there are none.
    """

    letter: str
    n_answers: int
    n_chosen: int
    recall: float | None


class CalibrationBin(Result):
    """One bin of a reliability diagram.

    Attributes:
        low: Lower end of the bin, as a probability.
        high: Upper end.
        n: Questions whose first choice has a probability in this bin.
        confidence: Their mean probability.
        accuracy: Share of them whose first choice is right.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class Calibration(Result):
    """Calibration of the probabilities, with a softmax temperature fitted out of fold.

    Attributes:
        temperature: Fitted on all questions by log-likelihood, for use on new questions.
        ece: Expected calibration error of the first choice, 0 to 1; each question's
            probability comes from a temperature fitted without it.
        brier: Brier score over all options, 0 to 2, of the same probabilities.
        bins: The reliability diagram of the same probabilities.
    """

    temperature: float
    ece: float
    brier: float
    bins: tuple[CalibrationBin, ...]


class CoveragePoint(Result):
    """Point of the risk-coverage curve: error rate on the most certain questions.

    Attributes:
        coverage: Share of the questions answered, 0 to 1.
        risk: Share of these whose first choice is wrong.
    """

    coverage: float
    risk: float


class ChoiceDiagnostics(Diagnostics):
    """Further results of a multiple-choice evaluation.

    Attributes:
        k: Number of top-ranked options that count.
        letters: Recall for each position among the options.
        calibration: Calibration of the scores; None for a submission, which has only ranks.
        risk_coverage: Points of the risk-coverage curve, by rising coverage; empty for a
            submission.
    """

    task: Literal["multiple-choice"] = "multiple-choice"
    k: int
    letters: tuple[LetterRecall, ...]
    calibration: Calibration | None = None
    risk_coverage: tuple[CoveragePoint, ...] = ()


class Evaluation(Result):
    """Metrics of one prediction.

    Attributes:
        name: The solver, ensemble or submission that was graded.
        n_items: How many items (for multiple choice: questions) were graded.
        metrics: All metrics, the primary one first.
        level: Level of the intervals, such as 0.95.
        n_resamples: Bootstrap resamples behind the intervals.
        seed: Seed of the resampling.
        slices: The primary metric by slice.
        n_truncated: Items whose evidence the solver truncated.
        exam_hash: Content hash of the exam.
        diagnostics: Results beside metrics; for multiple choice calibration and letters.
        clusters: Clusters that the intervals resample as a whole, with the design effect of the
            primary metric; None for independent items.
        macro: Mean over the values of the field that `slice_by` names; None without it.
    """

    name: str
    n_items: int
    metrics: tuple[MetricResult, ...]
    level: float
    n_resamples: int
    seed: int
    slices: tuple[Slice, ...] = ()
    n_truncated: int = 0
    exam_hash: str
    diagnostics: SerializeAsAny[Diagnostics] | None = None
    clusters: ClusterInfo | None = None
    macro: MacroMean | None = None

    @field_validator("diagnostics", mode="before")
    @classmethod
    def _read_by_task(cls, value: Any) -> Any:
        # When read from JSON, the task names the class.
        task = value.get("task") if isinstance(value, Mapping) else None
        kinds = {kind.model_fields["task"].default: kind for kind in Diagnostics.__subclasses__()}
        return kinds[task].model_validate(value) if task in kinds else value

    @property
    def primary(self) -> MetricResult:
        """The primary metric: it ranks solvers."""
        return self.metrics[0]

    @property
    def choice(self) -> ChoiceDiagnostics | None:
        """The diagnostics of multiple choice; None for another task."""
        return self.diagnostics if isinstance(self.diagnostics, ChoiceDiagnostics) else None

    def metric(self, name: str) -> MetricResult:
        """Return the result of a metric, such as `accuracy`.

        Raises:
            SettingsError: The evaluation has no metric of this name.
        """
        found = {metric.name: metric for metric in self.metrics}
        if name not in found:
            raise SettingsError(f"unknown metric '{name}'", hint=nearest(name, found))
        return found[name]


class PositionAudit(Result):
    """Position bias: how results change when the options are rotated.

    Attributes:
        n_rotations: Number of rotations of the options.
        metric: Name of the metric; the primary one.
        values: Its value under each rotation, the unrotated order first.
        spread: Largest minus smallest of these values.
        n_changed: Questions whose first choice changes under some rotation.
        n_questions: Number of questions.
    """

    n_rotations: int
    metric: str
    values: tuple[float, ...]
    spread: float
    n_changed: int
    n_questions: int


class SolverMetrics(Result):
    """Metrics of one solver of a run.

    Attributes:
        weight: Its weight in the ensemble; None without an ensemble.
        gain: The ensemble against the ensemble without this solver.
        evaluation: Its grades.
        position: Position bias: results under rotation of the options; None if not measured.
    """

    weight: float | None
    gain: Comparison | None
    evaluation: Evaluation | None
    position: PositionAudit | None


class RunMetrics(Result):
    """Content of `metrics.json` in the output folder of a run.

    Attributes:
        schema_version: Version of this layout. It changes when a key is renamed, removed or
            changes its meaning.
        final: Metrics of the final result, from which the submission is written.
        solvers: Metrics of each solver, by its name in the plan.
        comparisons: The final result against each solver and each file that the plan names.
        command: Command of the run.
        seed: The run's seed.
        exam_hash: Content hash of the exam with its evidence.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    final: Evaluation
    solvers: dict[str, SolverMetrics]
    comparisons: tuple[Comparison, ...]
    command: str
    seed: int
    exam_hash: str
