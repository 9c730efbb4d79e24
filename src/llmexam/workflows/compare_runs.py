"""Paired comparison of the final results of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import RunError
from llmexam.evaluation.multiplicity import WITH_FIRST, adjust
from llmexam.evaluation.results import ComparisonFamily, FullComparison
from llmexam.tasks.registry import task_of
from llmexam.workflows.compare import name_both
from llmexam.workflows.evaluate import grader_of, grading_options
from llmexam.workflows.run.folder import PLAN_FILE, answers_of, file_in, with_evidence_of
from llmexam.workflows.run.plan import read_plan


def compare_runs(
    a: str | Path,
    b: str | Path,
    *,
    k: int | None = None,
    embedder: str | None = None,
    second_embedder: str | None = None,
    n_resamples: int | None = None,
    seed: int = 0,
    level: float = 0.95,
    cluster_by: str | None = None,
    margin: float | None = None,
) -> FullComparison:
    """Return the difference of the final results of two runs on one exam.

    The exam and the evaluation settings are those of the first run's plan.

    Args:
        a: The folder of a run.
        b: The folder of another.
        k: As in `compare`, where the plan's is not wanted.
        embedder: Likewise.
        second_embedder: Likewise.
        n_resamples: Likewise.
        seed: Seed of the resampling.
        level: Level of the intervals.
        cluster_by: Which items are not independent: as the first plan says by default.
        margin: Difference that does not matter, for a test of equivalence; as the first plan says
            by default.

    Raises:
        RunError: A folder is not one of a run, or the runs have other exams.
        LlmExamError: What `compare` raises.
    """
    plan, other = (read_plan(file_in(folder, PLAN_FILE)) for folder in (a, b))
    task = task_of(plan.task)
    items = task.read(plan)
    if plan.task != other.task or task.read(other).content_hash != items.content_hash:
        raise RunError(
            f"the run is of another exam than {a}",
            file=b,
            hint="Give the exam that both answer: llmexam compare EXAM A B",
        )
    grader = grader_of(plan.task, "compare")
    called_a, called_b = name_both(a, b)
    planned = plan.evaluation.model_dump(exclude_unset=True)
    found = grader.compare(
        items,
        answers_of(a),
        answers_of(b),
        name_a=called_a,
        name_b=called_b,
        seed=seed,
        level=level,
        options={
            **planned,
            **grading_options(k, embedder, second_embedder, n_resamples, cluster_by, margin),
        },
    )
    return with_evidence_of(found, a, b)


def compare_several_runs(
    a: str | Path, others: Sequence[str | Path], **options: Any
) -> ComparisonFamily:
    """Return the comparisons of a run with several others, with adjusted p values.

    Args:
        a: The folder of a run.
        others: The folders of others.
        **options: Arguments of `compare_runs` that are the same for all.

    Raises:
        RunError: A folder is not one of a run, or the runs have other exams.
        LlmExamError: What `compare` raises.
    """
    found = [compare_runs(a, other, **options) for other in others]
    return ComparisonFamily(comparisons=adjust(found, WITH_FIRST), family=WITH_FIRST)
