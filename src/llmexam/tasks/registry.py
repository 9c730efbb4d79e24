"""Tasks by name; `lookup.py` has the table of them."""

from __future__ import annotations

from typing import Any

from llmexam.plugins import Registry
from llmexam.tasks.lookup import DEFAULT_TASK, ENTRY_POINT_GROUP, TASKS, task_names
from llmexam.tasks.task import Task

__all__ = ["DEFAULT_TASK", "task_names", "task_of"]

_TASKS = Registry(
    "task",
    ENTRY_POINT_GROUP,
    Task,  # type: ignore[type-abstract]
    TASKS,
    field="task",
)


def task_of(name: str) -> Task[Any, Any, Any]:
    """Return a task.

    Raises:
        SettingsError: There is no task of this name.
    """
    return _TASKS.find(name)()
