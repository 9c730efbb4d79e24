"""What an evaluation says: plain, frozen, and the same in Python and in `metrics.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Result):
    """A number with its interval.

    Attributes:
        value: The number.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


class LetterRecall(_Result):
    """How a solver treats one place among the options.

    Attributes:
        letter: The place.
        n_answers: Questions whose right option stands there.
        n_chosen: Questions whose first choice stands there.
        recall: Share of those answers that were the first choice; None where there are none.
    """

    letter: str
    n_answers: int
    n_chosen: int
    recall: float | None


class CalibrationBin(_Result):
    """One bar of a reliability diagram.

    Attributes:
        low: Lower end of the bin, as a probability.
        high: Upper end.
        n: Questions whose first choice has a probability in it.
        confidence: Their mean probability.
        accuracy: The share of them that is right.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class Calibration(_Result):
    """How far probabilities can be trusted, after a temperature fitted out of fold.

    Attributes:
        temperature: Fitted on all questions, by log-likelihood; what to use on new questions.
        ece: Expected calibration error of the first choice, 0 to 1; each question's
            probability comes from a temperature fitted without it.
        brier: Brier score over all options, 0 to 2, likewise.
        bins: The reliability diagram, likewise.
    """

    temperature: float
    ece: float
    brier: float
    bins: tuple[CalibrationBin, ...]


class Slice(_Result):
    """The score on some of the questions.

    Attributes:
        by: What they were sliced by, such as "prompt length" or "negated".
        value: Which of the slices this is.
        n: How many questions.
        map_at_k: MAP@k on them.
    """

    by: str
    value: str
    n: int
    map_at_k: Estimate


class CoveragePoint(_Result):
    """The error left when only the most certain questions are answered.

    Attributes:
        coverage: Share of the questions answered, 0 to 1.
        risk: Share of those whose first choice is wrong.
    """

    coverage: float
    risk: float


class Evaluation(_Result):
    """All that is said of one score matrix against the answers.

    Attributes:
        name: The solver, ensemble or submission that was graded.
        n_questions: How many questions were graded.
        k: The k of MAP@k and accuracy@k.
        map_at_k: MAP@k.
        accuracy: Share of questions whose first choice is right.
        accuracy_at_k: Share whose right option is among the first k.
        level: Level of the intervals, such as 0.95.
        n_resamples: Bootstrap resamples behind the intervals.
        seed: Seed of the resampling.
        baselines: MAP@k of `random` (its expectation), `first` and `longest`.
        letters: Recall for each place.
        calibration: None where there are no scores (a submission has only ranks).
        slices: Scores by slice.
        risk_coverage: Points of the risk-coverage curve, by rising coverage; empty likewise.
        n_truncated: Questions whose evidence the solver had to cut.
        minimum_detectable_difference: Difference in MAP@k to another solver that a paired
            test on this many questions would find in 80 of 100 cases, if what the two earn
            correlates by 0.5 over the questions and varies as much.
        exam_hash: Content hash of the exam.
    """

    name: str
    n_questions: int
    k: int
    map_at_k: Estimate
    accuracy: Estimate
    accuracy_at_k: Estimate
    level: float
    n_resamples: int
    seed: int
    baselines: dict[str, float]
    letters: tuple[LetterRecall, ...]
    calibration: Calibration | None
    slices: tuple[Slice, ...]
    risk_coverage: tuple[CoveragePoint, ...]
    n_truncated: int
    minimum_detectable_difference: float
    exam_hash: str


class PositionAudit(_Result):
    """What a solver does when the options change places.

    Attributes:
        n_rotations: How many rotations were scored; all of them.
        map_at_k: MAP@k under each rotation, the unrotated order first.
        spread: Largest less smallest of these.
        n_changed: Questions whose first choice is another option under some rotation.
        n_questions: How many questions.
    """

    n_rotations: int
    map_at_k: tuple[float, ...]
    spread: float
    n_changed: int
    n_questions: int


class Comparison(_Result):
    """Two results on the same questions, paired.

    Attributes:
        name_a: The first.
        name_b: The second.
        n_questions: Questions both answered.
        k: The k of MAP@k.
        map_a: MAP@k of the first.
        map_b: MAP@k of the second.
        difference: a less b, with a paired bootstrap interval.
        p_value: Two-sided, from a paired permutation test (sign flips).
        p_value_exact: Whether the test counted all sign flips or sampled them.
        n_better: Questions on which a earns more.
        n_worse: Questions on which b earns more.
        minimum_detectable_difference: What a test on these pairs would find in 80 of 100 cases.
        level: Level of the intervals.
        n_resamples: Resamples of the bootstrap and of the permutation test.
        seed: Seed of both.
    """

    name_a: str
    name_b: str
    n_questions: int
    k: int
    map_a: Estimate
    map_b: Estimate
    difference: Estimate
    p_value: float
    n_better: int
    n_worse: int
    minimum_detectable_difference: float
    level: float
    n_resamples: int
    seed: int
    p_value_exact: bool = False
