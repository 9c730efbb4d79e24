"""Compare two results on the same questions, paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.evaluation.alignment import align_rankings, align_scores, require_answers
from llmexam.evaluation.bootstrap import mean_intervals, minimum_detectable_difference, spread
from llmexam.evaluation.metrics import Rankings, grade_questions
from llmexam.evaluation.permutation import paired_permutation_test
from llmexam.evaluation.results import Comparison, Estimate
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix

# Of a difference of two average precisions.
_BOUNDS = (-1.0, 1.0)

Prediction = ScoreMatrix | Mapping[str, Sequence[int]]


def compare_results(
    exam: Exam,
    a: Prediction,
    b: Prediction,
    *,
    name_a: str = "a",
    name_b: str = "b",
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Compare what two solvers earn question by question.

    The pairing takes away what makes questions easy or hard for both, so the interval of the
    difference is usually much narrower than those of the two scores would suggest.

    Args:
        exam: The questions, with answers.
        a: Scores or a submission.
        b: Scores or a submission.
        name_a: What to call the first.
        name_b: What to call the second.
        k: The k of MAP@k.
        n_resamples: Bootstrap resamples, and sign flips where they cannot all be counted.
        seed: Seed of both.
        level: Level of the intervals.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        ScoreError: Scores are not those of the exam's questions.
        SubmissionError: Rankings are not those of the exam's questions.
    """
    require_answers(exam)
    grades_a, grades_b = (
        grade_questions(rank(exam, prediction), exam.answers, k=k) for prediction in (a, b)
    )
    # Resampled as an evaluation does it, so that both show the same interval.
    map_a, map_b = (
        mean_intervals(grades, n_resamples=n_resamples, seed=seed, level=level)[0]
        for grades in (grades_a, grades_b)
    )
    differences = grades_a[:, 0] - grades_b[:, 0]
    test = paired_permutation_test(differences, n_resamples=n_resamples, seed=seed)
    if differences.any():
        difference = mean_intervals(
            differences[:, None], n_resamples=n_resamples, seed=seed, level=level, bounds=_BOUNDS
        )[0]
    else:
        # No question tells the two apart: there is nothing to resample.
        difference = Estimate(value=0.0, low=0.0, high=0.0)
    return Comparison(
        name_a=name_a,
        name_b=name_b,
        n_questions=len(exam),
        k=k,
        map_a=map_a,
        map_b=map_b,
        difference=difference,
        p_value=test.p_value,
        p_value_exact=test.exact,
        n_better=int((differences > 0).sum()),
        n_worse=int((differences < 0).sum()),
        minimum_detectable_difference=minimum_detectable_difference(
            spread(differences, _BOUNDS), len(differences)
        ),
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )


def rank(exam: Exam, prediction: Prediction) -> Rankings:
    """Return the option indices of a prediction, best first, in the order of the exam."""
    if isinstance(prediction, ScoreMatrix):
        return align_scores(exam, prediction).ranking
    return align_rankings(exam, prediction)
