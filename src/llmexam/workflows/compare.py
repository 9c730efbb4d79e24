"""Paired comparison of two predictions of an exam."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.compare import Prediction, compare_results
from llmexam.evaluation.predictions import load_prediction, name_prediction
from llmexam.evaluation.results import Comparison
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam


def compare(
    exam: Exam | str | Path,
    a: Prediction | str | Path,
    b: Prediction | str | Path,
    *,
    name_a: str | None = None,
    name_b: str | None = None,
    format: str | None = None,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Return the difference of two predictions in the primary metric, with interval and test.

    Args:
        exam: The questions, with answers, their file, or `bundled` for the sample.
        a: A score matrix, rankings by question id, a score file or a submission.
        b: Likewise; the two may be of different kinds.
        name_a: What to call the first; by default its file's name.
        name_b: What to call the second.
        format: Format of the exam's file, found out where it is not given.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples, and sign flips where they cannot all be counted.
        seed: Seed of both.
        level: Level of the intervals.

    Raises:
        ExamError: The exam cannot be read or lacks answers.
        ScoreError: Scores cannot be read or are not those of the exam's questions.
        SubmissionError: The same of a submission.
    """
    questions = load_exam(exam, format)
    called_a = name_a or name_prediction(a, "a")
    called_b = name_b or name_prediction(b, "b")
    if called_a == called_b and not (name_a or name_b):
        # Files of one name in two folders: their paths tell them apart.
        called_a, called_b = (
            str(p) if isinstance(p, str | Path) else called
            for p, called in ((a, called_a), (b, called_b))
        )
    return compare_results(
        questions,
        load_prediction(a, questions),
        load_prediction(b, questions),
        name_a=called_a,
        name_b=called_b,
        k=k,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
    )
