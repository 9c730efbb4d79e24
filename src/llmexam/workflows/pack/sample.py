"""A sample of the exam of a plan, and the results of this installation on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.writers import write_exam
from llmexam.recovery.rewrites import RewriteExam
from llmexam.recovery.writers import write_rewrites
from llmexam.stages.stage import Announce
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.run.pipeline import run_plan

_FILE = "sample.csv"


def write_sample(plan: RunPlan, folder: Path, n_items: int) -> tuple[Path, int]:
    """Write the first items of a plan's exam as a CSV file, and return it and their number.

    Raises:
        ExamError: The exam cannot be read.
        SettingsError: The task is of a plug-in, whose items cannot be written.
    """
    items: Any = task_of(plan.task).read(plan)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FILE
    rows = list(range(min(n_items, len(items))))
    if isinstance(items, RewriteExam):
        write_rewrites(path, items.subset(rows))
    elif isinstance(items, Exam):
        write_exam(path, items.subset(rows), format="kaggle")
    else:
        raise SettingsError(
            f"exams of task '{plan.task}' cannot be sampled for a trial", hint="Use --no-try"
        )
    return path, len(rows)


def run_here(
    plan: RunPlan, sample: Path, changes: Mapping[str, Any], folder: Path, announce: Announce
) -> Path:
    """Run a plan on the sample with this installation, and return the folder of the run.

    Args:
        plan: The plan, with the paths of this machine.
        sample: The sample of its exam.
        changes: Keys of the plan to change, with dots.
        folder: Folder of the run.
        announce: Called with the name of each stage.
    """
    values = plan.model_dump(mode="json")
    for key, value in {**changes, "exam.path": str(sample)}.items():
        *above, last = key.split(".")
        here = values
        for name in above:
            here = here[name]
        here[last] = value
    run_plan(values, folder, announce=announce)
    return folder
