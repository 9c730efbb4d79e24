"""Grade a prediction: scores or a submission, in memory or on disk."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.compare import Prediction
from llmexam.evaluation.evaluate import evaluate_rankings, evaluate_scores
from llmexam.evaluation.predictions import load_prediction, name_prediction
from llmexam.evaluation.results import Evaluation
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import validate_submission


def evaluate(
    exam: Exam | str | Path,
    prediction: Prediction | str | Path,
    *,
    name: str | None = None,
    format: str | None = None,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Evaluation:
    """Return all metrics with intervals, baselines, slices and diagnostics.

    Args:
        exam: The questions, with answers, their file, or `bundled` for the sample.
        prediction: A score matrix, rankings by question id, a score file or a submission.
        name: What to call the prediction; by default its file's name.
        format: Format of the exam's file, found out where it is not given.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling and of the folds of the calibration.
        level: Level of the intervals.

    Raises:
        ExamError: The exam cannot be read or lacks answers.
        ScoreError: The scores cannot be read or are not those of the exam's questions.
        SubmissionError: The same of a submission.
    """
    questions = load_exam(exam, format)
    predicted = load_prediction(prediction, questions)
    called = name or name_prediction(prediction)
    if isinstance(predicted, ScoreMatrix):
        return evaluate_scores(
            questions,
            predicted,
            name=called,
            k=k,
            n_resamples=n_resamples,
            seed=seed,
            level=level,
        )
    return evaluate_rankings(
        questions, predicted, name=called, k=k, n_resamples=n_resamples, seed=seed, level=level
    )


def check_submission(
    exam: Exam | str | Path, submission: str | Path, *, format: str | None = None, k: int = 3
) -> int:
    """Validate a submission strictly, and return the number of its predictions.

    Args:
        exam: The exam, with or without answers, its file, or `bundled`.
        submission: The submission's file.
        format: Format of the exam's file, found out where it is not given.
        k: How many letters a prediction may have.

    Raises:
        ExamError: The exam cannot be read.
        SubmissionError: Something is wrong; names file, row and field.
    """
    return len(validate_submission(submission, load_exam(exam, format), k=k))
