"""Grade a prediction: scores or a submission, in memory or on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.evaluation.compare import Prediction
from llmexam.evaluation.predictions import name_prediction
from llmexam.evaluation.results import Evaluation
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import ExamSource
from llmexam.recovery.rewrites import RewriteExam
from llmexam.tasks.capabilities import ExamFile, Grader
from llmexam.tasks.lookup import capability, task_of_exam
from llmexam.workflows.run.folder import answers_of

AnyExam = Exam | RewriteExam | ExamSource | str | Path
AnyPrediction = Prediction | Mapping[str, str] | str | Path


def evaluate(
    exam: AnyExam,
    prediction: AnyPrediction,
    *,
    name: str | None = None,
    task: str | None = None,
    format: str | None = None,
    fields: Mapping[str, str] | None = None,
    k: int | None = None,
    embedder: str | None = None,
    second_embedder: str | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    cluster_by: str | None = None,
    slice_by: str | None = None,
) -> Evaluation:
    """Return all metrics with intervals, baselines, slices and diagnostics.

    Args:
        exam: The questions or rewrites, with answers, their file, or `bundled` for the sample.
        prediction: A score matrix, rankings or prompts by id, a score file, a submission, or the
            folder of a run.
        name: What to call the prediction; by default its file's name.
        task: The exam's task, found out where it is not given.
        format: Format of the exam's file, found out where it is not given.
        fields: Names of the exam's columns where they differ, for prompt recovery.
        k: How many of the first options count, such as the k of MAP@k; 3 by default. For multiple
            choice.
        embedder: Embedder of the sharpened cosine, for prompt recovery.
        second_embedder: Another embedder, likewise.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling and of the folds of the calibration.
        level: Level of the intervals.
        cluster_by: Which items are not independent: `none`, a metadata field, a CSV file with the
            columns id and cluster, or for multiple choice `passage`. By default the metadata
            field `cluster`, and groups of near-equal prompts for prompt recovery.
        slice_by: Metadata field of which each value is graded too, with the mean over its values.
            For multiple choice.

    Raises:
        ExamError: The exam cannot be read, lacks answers, or has no such field.
        ScoreError: The scores cannot be read or are not those of the exam's questions.
        SubmissionError: The same of a submission.
        SettingsError: An option is not one of the exam's task.
    """
    grader = grader_of(task_of_exam(exam, task), "evaluate")
    return grader.evaluate(
        grader.load(file_of(exam, format, fields)),
        answers_of(prediction),
        name=name or name_prediction(prediction),
        seed=seed,
        level=level,
        options=grading_options(
            k, embedder, second_embedder, n_resamples, cluster_by, slice_by=slice_by
        ),
    )


def check_submission(
    exam: AnyExam,
    submission: str | Path,
    *,
    task: str | None = None,
    format: str | None = None,
    fields: Mapping[str, str] | None = None,
    k: int | None = None,
) -> int:
    """Validate a submission strictly, and return the number of its predictions.

    Args:
        exam: The exam, with or without answers, its file, or `bundled`.
        submission: The submission's file.
        task: The exam's task, found out where it is not given.
        format: Format of the exam's file, found out where it is not given.
        fields: Names of the exam's columns where they differ, for prompt recovery.
        k: How many letters a prediction may have; 3 by default. For multiple choice.

    Raises:
        ExamError: The exam cannot be read.
        SubmissionError: Something is wrong; names file, row and field.
    """
    grader = grader_of(task_of_exam(exam, task), "evaluate")
    items = grader.load(file_of(exam, format, fields))
    return grader.check(items, submission, options=grading_options(k))


def grader_of(task: str, command: str) -> Grader[Any]:
    """Return the grader of a task.

    Raises:
        SettingsError: The task has none.
    """
    found: Grader[Any] = capability(task, "grader", f"`llmexam {command}`")()
    return found


def file_of(exam: AnyExam, format: str | None, fields: Mapping[str, str] | None) -> Any:
    """Return items unchanged, or their file with how it is read."""
    if isinstance(exam, str | Path | ExamSource):
        return ExamFile.of(exam, format, fields)
    return exam


def grading_options(
    k: int | None,
    embedder: str | None = None,
    second_embedder: str | None = None,
    n_resamples: int | None = None,
    cluster_by: str | None = None,
    margin: float | None = None,
    slice_by: str | None = None,
) -> dict[str, Any]:
    """Return the options that were given; each task knows some of them."""
    options = {
        "k": k,
        "embedder": embedder,
        "second_embedder": second_embedder,
        "n_resamples": n_resamples,
        "cluster_by": cluster_by,
        "margin": margin,
        "slice_by": slice_by,
    }
    return {key: value for key, value in options.items() if value is not None}
