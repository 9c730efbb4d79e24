"""Paired comparison of two predictions of an exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexam.evaluation.multiplicity import WITH_FIRST, adjust
from llmexam.evaluation.predictions import name_prediction
from llmexam.evaluation.results import ComparisonFamily, FullComparison
from llmexam.tasks.lookup import task_of_exam
from llmexam.workflows.evaluate import (
    AnyExam,
    AnyPrediction,
    file_of,
    grader_of,
    grading_options,
)
from llmexam.workflows.run.folder import answers_of, with_evidence_of


def compare(
    exam: AnyExam,
    a: AnyPrediction,
    b: AnyPrediction,
    *,
    name_a: str | None = None,
    name_b: str | None = None,
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
    margin: float | None = None,
) -> FullComparison:
    """Return the difference of two predictions in each metric, with interval and test.

    Args:
        exam: The questions or rewrites, with answers, their file, or `bundled` for the sample.
        a: A score matrix, rankings or prompts by id, a score file, a submission, or the folder of
            a run.
        b: Likewise; the two may be of different kinds.
        name_a: What to call the first; by default its file's name.
        name_b: What to call the second.
        task: The exam's task, found out where it is not given.
        format: Format of the exam's file, found out where it is not given.
        fields: Names of the exam's columns where they differ, for prompt recovery.
        k: How many of the first options count, such as the k of MAP@k; 3 by default. For multiple
            choice.
        embedder: Embedder of the sharpened cosine, for prompt recovery.
        second_embedder: Another embedder, likewise.
        n_resamples: Bootstrap resamples, and sign flips where they cannot all be counted.
        seed: Seed of both.
        level: Level of the intervals.
        cluster_by: Which items are not independent: see `evaluate`.
        margin: Difference that does not matter, for a test of equivalence; None for no such test.

    Raises:
        ExamError: The exam cannot be read or lacks answers.
        ScoreError: Scores cannot be read or are not those of the exam's questions.
        SubmissionError: The same of a submission.
        SettingsError: An option is not one of the exam's task.
    """
    grader = grader_of(task_of_exam(exam, task), "compare")
    called_a, called_b = name_both(a, b, name_a, name_b)
    found = grader.compare(
        grader.load(file_of(exam, format, fields)),
        answers_of(a),
        answers_of(b),
        name_a=called_a,
        name_b=called_b,
        seed=seed,
        level=level,
        options=grading_options(k, embedder, second_embedder, n_resamples, cluster_by, margin),
    )
    return with_evidence_of(found, a, b)


def compare_several(
    exam: AnyExam, a: AnyPrediction, others: Sequence[AnyPrediction], **options: Any
) -> ComparisonFamily:
    """Return the comparisons of one prediction with several others, with adjusted p values.

    Args:
        exam: The questions or rewrites, with answers, their file, or `bundled` for the sample.
        a: What is compared with each of the others.
        others: The others.
        **options: Arguments of `compare` that are the same for all.

    Raises:
        LlmExamError: What `compare` raises.
    """
    grader = grader_of(task_of_exam(exam, options.get("task")), "compare")
    # Read once; the comparisons need no file then.
    items = grader.load(file_of(exam, options.pop("format", None), options.pop("fields", None)))
    found = [compare(items, a, other, **options) for other in others]
    return ComparisonFamily(comparisons=adjust(found, WITH_FIRST), family=WITH_FIRST)


def name_both(
    a: AnyPrediction, b: AnyPrediction, name_a: str | None = None, name_b: str | None = None
) -> tuple[str, str]:
    """Return what to call two predictions: the given names, or those of their files."""
    called_a = name_a or name_prediction(a, "a")
    called_b = name_b or name_prediction(b, "b")
    if called_a != called_b or name_a or name_b:
        return called_a, called_b
    # Files of one name in two folders: their paths tell them apart.
    return (
        str(a) if isinstance(a, str | Path) else called_a,
        str(b) if isinstance(b, str | Path) else called_b,
    )
