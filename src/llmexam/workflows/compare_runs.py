"""Paired comparison of the final results of two runs."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import RunError
from llmexam.evaluation.results import FullComparison
from llmexam.tasks.registry import task_of
from llmexam.workflows.compare import name_both
from llmexam.workflows.evaluate import grader_of, grading_options
from llmexam.workflows.run.folder import PLAN_FILE, answers_of, file_in
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
    return grader.compare(
        items,
        answers_of(a),
        answers_of(b),
        name_a=called_a,
        name_b=called_b,
        seed=seed,
        level=level,
        options={**planned, **grading_options(k, embedder, second_embedder, n_resamples)},
    )
