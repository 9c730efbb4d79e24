"""Results of an evaluation: frozen data classes with the layout of `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SerializeAsAny, field_validator

from llmexam.errors import SettingsError, nearest
from llmexam.evaluation.diagnostics import Diagnostics as Diagnostics
from llmexam.evaluation.diagnostics import FacetResult as FacetResult
from llmexam.evaluation.diagnostics import RecoveryDiagnostics as RecoveryDiagnostics
from llmexam.evaluation.diagnostics import TextTruncation as TextTruncation
from llmexam.evaluation.estimates import ClusterInfo as ClusterInfo
from llmexam.evaluation.estimates import Estimate as Estimate
from llmexam.evaluation.estimates import MetricInfo as MetricInfo
from llmexam.evaluation.estimates import MetricResult as MetricResult
from llmexam.evaluation.estimates import Result

SCHEMA_VERSION: Literal[2] = 2
"""Version of the layout of `metrics.json` and of the grades in a training's `results.json`."""


class Slice(Result):
    """Value of a metric on a subset of the items.

    Attributes:
        by: Criterion of the subset, such as "prompt length" or "negated".
        value: Value of the criterion.
        n: Number of items.
        metric: Name of the metric; the primary one.
        estimate: Its mean over these items, with interval.
    """

    by: str
    value: str
    n: int
    metric: str
    estimate: Estimate


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


class MacroMetric(Result):
    """Mean of a metric over the values of a metadata field.

    Attributes:
        name: Identifier of the metric, such as `map_at_3`.
        label: Display name, such as "MAP@3".
        estimate: The mean, with a normal interval for questions drawn within each value.
    """

    name: str
    label: str
    estimate: Estimate


class MacroMean(Result):
    """Macro mean: each value of a metadata field counts the same, however many items it has.

    Attributes:
        by: The metadata field.
        n_values: Number of its values.
        metrics: The mean of each metric.
    """

    by: str
    n_values: int
    metrics: tuple[MacroMetric, ...]


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
        macro: Mean over the values of the field that slices were asked for; None if none was.
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


class AdjustedP(Result):
    """P value of a comparison, adjusted for the number of tests of its family.

    Attributes:
        holm: By Holm's method, which controls the probability of any false rejection.
        benjamini_hochberg: By the method of Benjamini and Hochberg, which controls the expected
            share of false rejections.
        n_tests: Number of tests of the family.
        family: What the tests have in common.
    """

    holm: float
    benjamini_hochberg: float
    n_tests: int
    family: str


EquivalenceVerdict = Literal["equivalent", "not worse", "worse", "undecided"]


class Equivalence(Result):
    """Whether the first of two results is as good as the second, up to a margin.

    Attributes:
        margin: Largest difference that does not matter.
        alpha: Level of each of the two one-sided tests.
        interval: The difference a - b with its interval of level 1 - 2 alpha, which decides.
        verdict: `equivalent`: the interval is inside the margins; `not worse`: a is worse by less
            than the margin, if at all; `worse`: a is worse by more than the margin; `undecided`.
        n_for_not_worse: Items that show non-inferiority in 80 of 100 cases at this variance, if
            both are equally good.
        n_for_equivalence: The same for equivalence.
    """

    margin: float
    alpha: float
    interval: Estimate
    verdict: EquivalenceVerdict
    n_for_not_worse: int
    n_for_equivalence: int


class Comparison(Result):
    """Paired comparison of two results on the same items.

    Attributes:
        metric: The metric that is compared.
        name_a: Name of the first result.
        name_b: Name of the second.
        n_items: Number of items.
        a: Value of the metric for the first.
        b: Value of the metric for the second.
        difference: a - b, with a paired bootstrap interval.
        p_value: Two-sided, from a paired permutation test (sign flips).
        p_value_exact: Whether the test used all sign flips, or a random sample of them.
        n_better: Items on which a does better.
        n_worse: Items on which b does better.
        minimum_detectable_difference: Difference that a paired test on these items detects with
            a power of 80%.
        level: Level of the intervals.
        n_resamples: Resamples of the bootstrap and of the permutation test.
        seed: Seed of both.
        correlation: Correlation of the values of both over the items, which pairing makes use of;
            None if one of them has equal values on all items.
        clusters: Clusters that are resampled, and whose signs are flipped, as a whole, with the
            design effect of the difference; None for independent items.
        adjusted: P value adjusted for the number of comparisons; None for a single one.
        equivalence: Non-inferiority and equivalence; None without a margin.
    """

    metric: MetricInfo
    name_a: str
    name_b: str
    n_items: int
    a: Estimate
    b: Estimate
    difference: Estimate
    p_value: float
    p_value_exact: bool = False
    n_better: int
    n_worse: int
    minimum_detectable_difference: float
    level: float
    n_resamples: int
    seed: int
    correlation: float | None = None
    clusters: ClusterInfo | None = None
    adjusted: AdjustedP | None = None
    equivalence: Equivalence | None = None

    @property
    def winner(self) -> str | None:
        """Name of the significantly better result; None if the interval contains zero."""
        ends = (self.difference.low, self.difference.high)
        low, high = ends if self.metric.higher_is_better else (-ends[1], -ends[0])
        return self.name_a if low > 0 else self.name_b if high < 0 else None

    @property
    def n_ties(self) -> int:
        """Number of items on which both do equally well."""
        return self.n_items - self.n_better - self.n_worse


class Flip(Result):
    """Question whose first choice is right in one of two results and wrong in the other.

    Attributes:
        id: The question.
        prompt: Its text.
        options: Its options.
        answer: Letters of its right options, such as "B".
        right: Which of the two is right: `a` or `b`.
        ranking_a: Letters that the first result ranks, best first, such as "B A D"; empty where it
            gives no answer.
        ranking_b: Those of the second.
        evidence_a: Passages that the first result was given, best first.
        evidence_b: Those of the second.
    """

    id: str
    prompt: str
    options: tuple[str, ...]
    answer: str
    right: Literal["a", "b"]
    ranking_a: str
    ranking_b: str
    evidence_a: tuple[str, ...] = ()
    evidence_b: tuple[str, ...] = ()


class FullComparison(Comparison):
    """Paired comparison by the primary metric, and by each of the others.

    Attributes:
        others: Comparisons by the other metrics. Their p values are not adjusted for the number of
            metrics.
        noun: What one item is called.
        flips: For multiple choice, the questions whose first choice is right in one result only.
    """

    others: tuple[Comparison, ...] = ()
    noun: str = "question"
    flips: tuple[Flip, ...] = ()


class ComparisonFamily(Result):
    """Comparisons of one result with several others, with adjusted p values.

    Attributes:
        comparisons: The first result against each of the others.
        family: What the adjusted p values account for.
    """

    comparisons: tuple[FullComparison, ...]
    family: str


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
