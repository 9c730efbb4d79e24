"""Paired comparison of two results on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.evaluation import grading
from llmexam.evaluation.alignment import align_rankings, align_scores, require_answers
from llmexam.evaluation.clusters import AUTO, cluster_exam
from llmexam.evaluation.flips import find_flips
from llmexam.evaluation.grading import Resampling, compare
from llmexam.evaluation.metrics.registry import exam_metrics
from llmexam.evaluation.rankings import Rankings
from llmexam.evaluation.results import Comparison, FullComparison
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix

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
    cluster_by: str = AUTO,
    margin: float | None = None,
) -> Comparison:
    """Compare two solvers question by question, by the primary metric.

    Pairing removes the variance of question difficulty that both share, so the interval of the
    difference is usually much narrower than the intervals of the two scores suggest.

    Args:
        exam: The questions, with answers.
        a: Scores or a submission.
        b: Scores or a submission.
        name_a: Name of the first.
        name_b: Name of the second.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples, and sampled sign flips if there are too many to count.
        seed: Seed of both.
        level: Level of the intervals.
        cluster_by: Which questions are not independent: see `clusters.cluster_exam`.
        margin: Difference that does not matter, for a test of equivalence; None for no such test.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        ScoreError: Scores do not match the questions of the exam.
        SubmissionError: Rankings do not match the questions of the exam.
        SettingsError: The exam has no such clusters.
    """
    require_answers(exam)
    return compare(
        exam_metrics(exam, k),
        exam,
        rank(exam, a),
        rank(exam, b),
        name_a=name_a,
        name_b=name_b,
        resampling=Resampling(n_resamples, seed, level, margin=margin).by_clusters(
            cluster_exam(exam, cluster_by)
        ),
    )


def compare_fully(
    exam: Exam,
    a: Prediction,
    b: Prediction,
    *,
    name_a: str,
    name_b: str,
    k: int,
    resampling: Resampling,
) -> FullComparison:
    """Compare two solvers question by question, by each metric.

    Args:
        exam: The questions, with answers.
        a: Scores or a submission.
        b: Scores or a submission.
        name_a: Name of the first.
        name_b: Name of the second.
        k: How many of the first options count, such as the k of MAP@k.
        resampling: How intervals and p values are computed.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        ScoreError: Scores do not match the questions of the exam.
        SubmissionError: Rankings do not match the questions of the exam.
    """
    require_answers(exam)
    rankings_a, rankings_b = rank(exam, a), rank(exam, b)
    found = grading.compare_fully(
        exam_metrics(exam, k),
        exam,
        rankings_a,
        rankings_b,
        name_a=name_a,
        name_b=name_b,
        resampling=resampling,
    )
    return found.model_copy(update={"flips": find_flips(exam, rankings_a, rankings_b, k)})


def rank(exam: Exam, prediction: Prediction) -> Rankings:
    """Return the option indices of a prediction, best first, in the order of the exam."""
    if isinstance(prediction, ScoreMatrix):
        return align_scores(exam, prediction).ranking
    return align_rankings(exam, prediction)
