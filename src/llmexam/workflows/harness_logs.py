"""Grade and compare logs of other harnesses by their own questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.multiplicity import WITH_FIRST, adjust
from llmexam.evaluation.results import ComparisonFamily, Evaluation, FullComparison
from llmexam.harness.exams import exam_of, predictions_of, shared_exam
from llmexam.harness.log import HarnessLog
from llmexam.harness.reading import read_log
from llmexam.harness.values import compare_values, evaluate_values
from llmexam.workflows.compare import compare
from llmexam.workflows.evaluate import evaluate


def evaluate_log(
    path: str | Path,
    *,
    name: str | None = None,
    logged_values: bool = False,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    **options: Any,
) -> Evaluation:
    """Return the metrics of a log with intervals.

    Multiple choice is graded by llmexam's metrics; what has no options, by the values that the
    harness gave each question.

    Args:
        path: The log.
        name: What to call it; by default its model, or else its file's name.
        logged_values: Use the harness's values for multiple choice, too.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling.
        level: Level of the intervals.
        **options: Further arguments of `evaluate`.

    Raises:
        ExamError: The log cannot be read, or has neither options nor values.
    """
    log = read_log(path)
    called = name or name_of(log)
    if logged_values or not log.is_choice:
        resampling = Resampling(n_resamples, seed, level)
        return evaluate_values(log, name=called, resampling=resampling)
    exam = exam_of(log)
    return evaluate(
        exam,
        predictions_of(log, exam),
        name=called,
        n_resamples=n_resamples,
        seed=seed,
        level=level,
        **options,
    )


def compare_logs(
    a: str | Path,
    others: Sequence[str | Path],
    *,
    logged_values: bool = False,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
    margin: float | None = None,
    **options: Any,
) -> ComparisonFamily:
    """Return the paired comparisons of one log with others, on the questions that both answer.

    Args:
        a: A log.
        others: Logs of the same or of other harnesses.
        logged_values: Use the harnesses' values for multiple choice, too.
        n_resamples: Bootstrap resamples, and sign flips where they cannot all be counted.
        seed: Seed of both.
        level: Level of the intervals.
        margin: Difference that does not matter, for a test of equivalence.
        **options: Further arguments of `compare`.

    Raises:
        ExamError: A log cannot be read, or two share no question or no metric.
    """
    first = read_log(a)
    found: list[FullComparison] = []
    for path in others:
        other = read_log(path)
        names = _names(first, other)
        if logged_values or not (first.is_choice and other.is_choice):
            resampling = Resampling(n_resamples, seed, level, margin=margin)
            found.append(
                compare_values(
                    first, other, name_a=names[0], name_b=names[1], resampling=resampling
                )
            )
            continue
        exam = shared_exam(first, other)
        found.append(
            compare(
                exam,
                predictions_of(first, exam),
                predictions_of(other, exam),
                name_a=names[0],
                name_b=names[1],
                n_resamples=n_resamples,
                seed=seed,
                level=level,
                margin=margin,
                **options,
            )
        )
    return ComparisonFamily(comparisons=adjust(found, WITH_FIRST), family=WITH_FIRST)


def name_of(log: HarnessLog) -> str:
    """Return what to call a log: its model, or its file's name without the ending."""
    return log.model or log.path.stem


def _names(a: HarnessLog, b: HarnessLog) -> tuple[str, str]:
    """Return what tells two logs apart: models, else tasks, else files, else paths."""
    for first, second in (
        (name_of(a), name_of(b)),
        (a.task, b.task),
        (a.path.stem, b.path.stem),
    ):
        if first and second and first != second:
            return first, second
    return str(a.path), str(b.path)
