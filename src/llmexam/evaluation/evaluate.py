"""Grade scores or a submission against the answers: one call, everything worth saying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.alignment import align_rankings, align_scores, require_answers
from llmexam.evaluation.bootstrap import mean_intervals, minimum_detectable_difference, spread
from llmexam.evaluation.calibration import calibrate, out_of_fold_probabilities, risk_coverage
from llmexam.evaluation.metrics import (
    Rankings,
    grade_questions,
    map_at_k,
    random_map_at_k,
    recall_by_letter,
)
from llmexam.evaluation.results import Evaluation
from llmexam.evaluation.slices import slice_scores
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
) -> Evaluation:
    """Grade a score matrix.

    Args:
        exam: The questions, with answers.
        scores: Scores of all of them, in any order.
        name: What to call the solver in the result.
        k: The k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling and of the folds of the calibration.
        level: Level of the intervals.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        ScoreError: The scores are not those of the exam's questions.
    """
    require_answers(exam)
    scores = align_scores(exam, scores)
    graded = _grade(
        exam, scores.ranking, name=name, k=k, n_resamples=n_resamples, seed=seed, level=level
    )
    answers = exam.answers
    probabilities = out_of_fold_probabilities(scores, answers, seed=seed)
    return graded.model_copy(
        update={
            "calibration": calibrate(scores, answers, probabilities),
            "risk_coverage": risk_coverage(scores, answers, probabilities),
            "n_truncated": int(scores.truncated.sum()),
        }
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
) -> Evaluation:
    """Grade a submission: option indices by question id, best first, repeats as submitted.

    Ranks say nothing of probabilities, so the result has no calibration and no risk-coverage
    curve. Arguments are those of `evaluate_scores`.

    Raises:
        ExamError: The exam is empty or a question has no answer.
        SubmissionError: The rankings are not those of the exam's questions.
    """
    require_answers(exam)
    packed = align_rankings(exam, rankings)
    return _grade(exam, packed, name=name, k=k, n_resamples=n_resamples, seed=seed, level=level)


def compute_baselines(exam: Exam, *, k: int = 3) -> dict[str, float]:
    """Return the MAP@k of what needs no reading of the questions.

    `random` is the expectation of a random order; `first` ranks A, B, C and so on; `longest`
    ranks by the number of characters, ties by the tie rule of `ScoreMatrix`.

    Args:
        exam: The questions, with answers.
        k: The k of MAP@k.
    """
    answers = exam.answers
    lengths = ScoreMatrix.from_rows(
        exam.ids, [[float(len(option)) for option in question.options] for question in exam]
    )
    in_order = np.broadcast_to(np.arange(lengths.values.shape[1]), lengths.values.shape)
    return {
        "random": random_map_at_k(lengths.n_options, k=k),
        "first": map_at_k(in_order, answers, k=k),
        "longest": map_at_k(lengths.ranking, answers, k=k),
    }


def _grade(
    exam: Exam,
    rankings: Rankings,
    *,
    name: str,
    k: int,
    n_resamples: int,
    seed: int,
    level: float,
) -> Evaluation:
    grades = grade_questions(rankings, exam.answers, k=k)
    map_estimate, accuracy, accuracy_at_k = mean_intervals(
        grades, n_resamples=n_resamples, seed=seed, level=level
    )
    most_options = max(len(question.options) for question in exam)
    return Evaluation(
        name=name,
        n_questions=len(exam),
        k=k,
        map_at_k=map_estimate,
        accuracy=accuracy,
        accuracy_at_k=accuracy_at_k,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
        baselines=compute_baselines(exam, k=k),
        letters=recall_by_letter(rankings, exam.answers, most_options),
        calibration=None,
        slices=slice_scores(exam, grades[:, 0], n_resamples=n_resamples, seed=seed, level=level),
        risk_coverage=(),
        n_truncated=0,
        minimum_detectable_difference=_expected_detectable_difference(grades[:, 0]),
        exam_hash=exam.content_hash,
    )


def _expected_detectable_difference(earned: NDArray[np.float64]) -> float:
    """Return the minimum detectable difference to a solver that is not known yet.

    What two solvers earn on a question is taken to correlate by 0.5 with equal spread; then the
    spread of the difference, sd * sqrt(2 * (1 - 0.5)), is that of the grades themselves.
    """
    return minimum_detectable_difference(spread(earned), len(earned))
