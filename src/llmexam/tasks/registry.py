"""Registry of tasks by name. To add one, add a package to this one and a line here.

Outside packages join through the entry-point group `llmexam.tasks`: the entry point's name is the
task's, its object a class derived from `Task`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from llmexam.errors import SettingsError, nearest
from llmexam.plugins import entry_points
from llmexam.tasks.task import Task

ENTRY_POINT_GROUP = "llmexam.tasks"
DEFAULT_TASK = "multiple-choice"
_BUILT_IN = {
    DEFAULT_TASK: "llmexam.tasks.multiple_choice.task:MultipleChoice",
    "prompt-recovery": "llmexam.tasks.prompt_recovery.task:PromptRecovery",
}


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    return tuple(sorted(_targets()))


def task_of(name: str) -> Task[Any, Any, Any]:
    """Return a task.

    Raises:
        SettingsError: There is no task of this name.
    """
    targets = _targets()
    if name not in targets:
        raise SettingsError(f"unknown task '{name}'", field="task", hint=nearest(name, targets))
    module, _, attribute = targets[name].partition(":")
    found: Any = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise SettingsError(
            f"expected a class derived from llmexam.tasks.task.Task for the task '{name}', "
            f"got {targets[name]}",
            field="task",
        )
    return found()


def _targets() -> dict[str, str]:
    outside = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return {**outside, **_BUILT_IN}
