"""List the available solvers of all tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmexam.tasks.capabilities import SolverInfo
from llmexam.tasks.lookup import capabilities_of, capability, task_names


def list_solvers(task: str | None = None) -> list[SolverInfo]:
    """Return all solvers, built in and installed, by task and in the order of their names.

    Args:
        task: Only those of this task.

    Raises:
        SettingsError: There is no such task, or it does not list its solvers.
    """
    listing = [name for name in task_names() if capabilities_of(name).solvers]
    wanted = listing if task is None else [task]
    found: list[SolverInfo] = []
    for name in wanted:
        listed: Callable[[], Sequence[SolverInfo]] = capability(
            name, "solvers", "`llmexam solvers`"
        )
        found += listed()
    return found
