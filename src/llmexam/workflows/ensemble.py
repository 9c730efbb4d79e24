"""Combine files of answers, whatever the task."""

from __future__ import annotations

from dataclasses import replace

from llmexam.tasks.capabilities import CombineAnswers, Combined, CombineRequest, name_members
from llmexam.tasks.lookup import capability, task_of_answers, task_of_exam
from llmexam.workflows.run.folder import answers_of


def ensemble(request: CombineRequest, *, task: str | None = None) -> Combined:
    """Return combined answers, and write them where files are named.

    Args:
        request: Members, weights, exam, and files to write.
        task: The task; found out from the exam, or from the first member, by default.

    Raises:
        ScoreError: A member cannot be read, or the members do not fit each other or the exam.
        ExamError: The exam cannot be read, or lacks answers that fitting needs.
        SettingsError: An option is wrong or not one of the task.
    """
    files = {name: answers_of(path) for name, path in name_members(request.members).items()}
    if task is None and request.exam is None:
        found = task_of_answers(next(iter(files.values())))
    else:
        found = task_of_exam(request.exam and request.exam.path, task)
    part: CombineAnswers = capability(found, "ensemble", "`llmexam ensemble`")
    members = tuple(f"{name}={path}" for name, path in files.items())
    return part(replace(request, members=members))
