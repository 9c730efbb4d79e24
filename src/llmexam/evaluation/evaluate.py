"""Grade scores or a submission of a multiple-choice exam against its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from llmexam.evaluation.alignment import align_rankings, align_scores, require_answers
from llmexam.evaluation.calibration import calibrate, out_of_fold_probabilities, risk_coverage
from llmexam.evaluation.clusters import AUTO, cluster_exam
from llmexam.evaluation.grading import Resampling, evaluate
from llmexam.evaluation.macro import macro_mean, slice_values_of
from llmexam.evaluation.metrics.metric import describe, item_values
from llmexam.evaluation.metrics.registry import exam_metrics
from llmexam.evaluation.rankings import Rankings, best_right, recall_by_letter
from llmexam.evaluation.results import ChoiceDiagnostics, Evaluation, LetterRecall
from llmexam.evaluation.slices import label_questions
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix


def evaluate_scores(
    exam: Exam,
    scores: ScoreMatrix,
    *,
    name: str,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    cluster_by: str = AUTO,
    slice_by: str | None = None,
) -> Evaluation:
    """Grade a score matrix.

    Args:
        exam: The questions, with answers.
        scores: Scores of all of them, in any order.
        name: Name of the solver in the result.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling and of the folds of the calibration.
        level: Level of the intervals.
        cluster_by: Which questions are not independent: see `clusters.cluster_exam`.
        slice_by: Metadata field of which each value is a slice, with the mean over its values.

    Raises:
        ExamError: The exam is empty, or a question has no answer, or none has the metadata field.
        ScoreError: The scores do not match the questions of the exam.
        SettingsError: The exam has no such clusters.
    """
    require_answers(exam)
    scores = align_scores(exam, scores)
    resampling = Resampling(n_resamples, seed, level).by_clusters(cluster_exam(exam, cluster_by))
    # Of several right options, the one that the solver ranks best is its answer.
    answers = best_right(scores.ranking, exam.is_right, exam.answers)
    probabilities = out_of_fold_probabilities(scores, answers, seed=seed)
    return _evaluate(
        exam,
        scores.ranking,
        name,
        resampling,
        ChoiceDiagnostics(
            k=k,
            letters=_letters(exam, scores.ranking),
            calibration=calibrate(scores, answers, probabilities),
            risk_coverage=risk_coverage(scores, answers, probabilities),
        ),
        n_truncated=int(scores.truncated.sum()),
        slice_by=slice_by,
    )


def evaluate_rankings(
    exam: Exam,
    rankings: Mapping[str, Sequence[int]],
    *,
    name: str,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    cluster_by: str = AUTO,
    slice_by: str | None = None,
) -> Evaluation:
    """Grade a submission: option indices by question id, best first, repeats as submitted.

    Rankings have no probabilities, so the result has no calibration and no risk-coverage curve.
    Arguments are those of `evaluate_scores`.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        SubmissionError: The rankings do not match the questions of the exam.
        SettingsError: The exam has no such clusters.
    """
    require_answers(exam)
    packed = align_rankings(exam, rankings)
    diagnostics = ChoiceDiagnostics(k=k, letters=_letters(exam, packed))
    resampling = Resampling(n_resamples, seed, level).by_clusters(cluster_exam(exam, cluster_by))
    return _evaluate(exam, packed, name, resampling, diagnostics, slice_by=slice_by)


def baseline_rankings(exam: Exam) -> dict[str, Rankings]:
    """Return the rankings of baselines that ignore the question.

    `first` ranks A, B, C and so on; `longest` ranks by the number of characters, ties by the tie
    rule of `ScoreMatrix`.

    Args:
        exam: The questions.
    """
    lengths = ScoreMatrix.from_rows(
        exam.ids, [[float(len(option)) for option in question.options] for question in exam]
    )
    # Absent options come last, where they cannot change the rank of the right one.
    in_order = np.broadcast_to(np.arange(lengths.values.shape[1]), lengths.values.shape)
    return {"first": in_order, "longest": lengths.ranking}


def _evaluate(
    exam: Exam,
    rankings: Rankings,
    name: str,
    resampling: Resampling,
    diagnostics: ChoiceDiagnostics,
    *,
    n_truncated: int = 0,
    slice_by: str | None = None,
) -> Evaluation:
    metrics = exam_metrics(exam, diagnostics.k)
    labels = slice_values_of(exam, slice_by) if slice_by is not None else None
    found = evaluate(
        metrics,
        exam,
        rankings,
        name=name,
        baselines=baseline_rankings(exam),
        labellings=label_questions(exam, slice_by),
        resampling=resampling,
        n_truncated=n_truncated,
        diagnostics=diagnostics,
    )
    if slice_by is None or labels is None:
        return found
    macro = macro_mean(
        [describe(metric) for metric in metrics],
        item_values(metrics, exam, rankings),
        labels,
        by=slice_by,
        level=resampling.level,
        clusters=resampling.clusters,
    )
    return found.model_copy(update={"macro": macro})


def _letters(exam: Exam, rankings: Rankings) -> tuple[LetterRecall, ...]:
    most_options = max(len(question.options) for question in exam)
    return recall_by_letter(
        rankings, best_right(rankings, exam.is_right, exam.answers), most_options
    )
