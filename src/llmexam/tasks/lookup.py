"""All tasks by name, and which of them an exam file belongs to, without importing them.

A new task is a room beside this file and a line in each table here. Outside packages join through
the entry-point group `llmexam.tasks`: the entry point's name is the task's, its object a class
derived from `llmexam.tasks.task.Task`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexam.errors import SettingsError
from llmexam.exam.parsers.files import ExamPath, exam_files
from llmexam.exam.parsers.options import ExamSource
from llmexam.exam.parsers.source import SourceFile
from llmexam.harness.reading import is_log
from llmexam.plugins import Registry, load
from llmexam.sample import BUNDLED
from llmexam.tasks.capabilities import Capabilities

ENTRY_POINT_GROUP = "llmexam.tasks"
DEFAULT_TASK = "multiple-choice"
_CHOICE = "llmexam.tasks.multiple_choice"
_RECOVERY = "llmexam.tasks.prompt_recovery"
TASKS = {
    DEFAULT_TASK: f"{_CHOICE}.task:MultipleChoice",
    "prompt-recovery": f"{_RECOVERY}.task:PromptRecovery",
}
# Of any class: importing `Task` takes longer than some commands do.
_CLASSES: Registry[Any] = Registry("task", ENTRY_POINT_GROUP, object, TASKS, field="task")
_CAPABILITIES = {
    DEFAULT_TASK: Capabilities(
        items="llmexam.exam.exam:Exam",
        audit=f"{_CHOICE}.auditing:audit_file",
        grader=f"{_CHOICE}.predictions:ChoiceGrader",
        ensemble=f"{_CHOICE}.ensembling:combine_files",
        converter=f"{_CHOICE}.converting:ChoiceConverter",
        solvers=f"{_CHOICE}.listing:list_solvers",
        noun="question",
    ),
    "prompt-recovery": Capabilities(
        items="llmexam.recovery.rewrites:RewriteExam",
        recognise_exam="llmexam.recovery.recognition:is_rewrites",
        recognise_answers="llmexam.recovery.recognition:is_prompts",
        audit=f"{_RECOVERY}.auditing:audit_file",
        grader=f"{_RECOVERY}.predictions:RecoveryGrader",
        ensemble=f"{_RECOVERY}.ensembling:combine_files",
        converter=f"{_RECOVERY}.converting:RewritesConverter",
        solvers=f"{_RECOVERY}.listing:list_recoverers",
        noun="row",
        instead={
            "solve": "Use: llmexam recover predict EXAM --recoverer NAME --train FILE",
            "estimate": "Time a part of the rows: llmexam recover predict",
        },
    ),
}


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    return _CLASSES.names()


def capabilities_of(name: str) -> Capabilities:
    """Return where the parts of a task are.

    Raises:
        SettingsError: There is no task of this name.
    """
    if name in _CAPABILITIES:
        return _CAPABILITIES[name]
    found: Capabilities = getattr(_CLASSES.find(name), "capabilities", Capabilities())
    return found


def capability(task: str, part: str, command: str) -> Any:
    """Return a part of a task, imported now.

    Args:
        task: Name of the task.
        part: A name of `Capabilities`.
        command: What needs it, for the error.

    Raises:
        SettingsError: There is no such task, or it lacks the part.
    """
    target = getattr(capabilities_of(task), part)
    if not target:
        raise SettingsError(f"{command} does not know the task '{task}'", field="task")
    return load(target)


def task_of_exam(exam: object, name: str | None = None) -> str:
    """Return the name of the task of an exam.

    Tasks of other packages are not looked for: they are given by name.

    Args:
        exam: The items, or the path of their file.
        name: Name of the task, where the user gave one.

    Raises:
        SettingsError: There is no task of this name.
        ExamError: The file cannot be read.
    """
    if name is not None:
        capabilities_of(name)
        return name
    if isinstance(exam, ExamSource):
        exam = exam.path
    if not isinstance(exam, str | Path | list | tuple):
        kinds = ((task, load(one.items)) for task, one in _CAPABILITIES.items())
        return next((task for task, kind in kinds if isinstance(exam, kind)), DEFAULT_TASK)
    return DEFAULT_TASK if str(exam) == BUNDLED else _recognised(exam, "recognise_exam")


def require_default_task(exam: object, command: str) -> None:
    """Check that an exam is one of multiple choice, for commands that know no other.

    Args:
        exam: The items, or the path of their file.
        command: Name of the command, without `llmexam`.

    Raises:
        SettingsError: It is another.
        ExamError: The file cannot be read.
    """
    task = task_of_exam(exam)
    if task != DEFAULT_TASK:
        raise SettingsError(
            f"`llmexam {command}` is for multiple-choice exams, got one of {task}",
            file=str(exam) if isinstance(exam, str | Path | ExamSource) else None,
            hint=capabilities_of(task).instead.get(command),
        )


def task_of_answers(path: str | Path) -> str:
    """Return the name of the task that a file of answers, such as a submission, belongs to.

    Raises:
        ExamError: The file cannot be read.
    """
    # Score files may be large, and their name is enough.
    is_scores = Path(path).suffix == ".parquet"
    return DEFAULT_TASK if is_scores else _recognised(path, "recognise_answers")


def _recognised(path: ExamPath, part: str) -> str:
    if is_log(path):
        return DEFAULT_TASK
    source = SourceFile.load(exam_files(path)[0], is_strict=False)
    if source.is_zip:
        # An Excel workbook; other tasks read text.
        return DEFAULT_TASK
    source = source.start if part == "recognise_exam" else source
    for task, parts in _CAPABILITIES.items():
        target = getattr(parts, part)
        if target and load(target)(source):
            return task
    return DEFAULT_TASK
