"""Which task a file belongs to, and what is asked of it."""

import json

import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.recovery.rewrites import RewriteExam
from llmexam.sample import EXAM_PATH, REWRITES_PATH
from llmexam.tasks import lookup
from llmexam.tasks.capabilities import Capabilities
from llmexam.tasks.lookup import (
    capabilities_of,
    capability,
    require_default_task,
    task_names,
    task_of_answers,
    task_of_exam,
)

RECOVERY, CHOICE = "prompt-recovery", "multiple-choice"
TARGETS = [
    (task, part)
    for task in (RECOVERY, CHOICE)
    for part in Capabilities.__dataclass_fields__
    if part not in ("noun", "instead") and getattr(capabilities_of(task), part)
]


@pytest.mark.parametrize(("task", "part"), TARGETS)
def test_every_part_that_is_named_can_be_imported(task, part):
    assert callable(capability(task, part, "a test"))


def test_all_tasks_do_what_commands_ask():
    parts = {part for task, part in TARGETS if task == CHOICE}
    assert parts == {part for task, part in TARGETS if task == RECOVERY} - {
        "recognise_exam",
        "recognise_answers",
    }
    assert set(lookup._CAPABILITIES) == set(lookup.TASKS) <= set(task_names())


@pytest.mark.parametrize(
    ("content", "task"),
    [
        ("id,original_text,rewritten_text\n1,a,b\n", RECOVERY),
        ("rewritten_text,x\n1,a\n", RECOVERY),
        ("id;original_text;rewritten_text\n", RECOVERY),
        (json.dumps({"original_text": "a", "rewritten_text": "b"}), RECOVERY),
        (json.dumps([{"original_text": "a"}]), RECOVERY),
        ("id,prompt,A,B,answer\n1,p,a,b,A\n", CHOICE),
        (json.dumps({"id": "1", "prompt": "p", "options": ["a"]}), CHOICE),
        ('[{"instruction": "x","input": "y"}]', CHOICE),
        ("PAR1", CHOICE),
    ],
)
def test_columns_tell_the_task(tmp_path, content, task):
    path = tmp_path / "exam"
    path.write_text(content)
    assert task_of_exam(path) == task
    assert task_of_exam(path, CHOICE) == CHOICE


def test_the_samples_and_items_in_memory():
    assert task_of_exam(EXAM_PATH) == task_of_exam("bundled") == CHOICE
    assert task_of_exam(REWRITES_PATH) == task_of_exam("bundled", RECOVERY) == RECOVERY
    assert task_of_exam(RewriteExam(())) == RECOVERY
    assert task_of_exam(Exam(())) == CHOICE


@pytest.mark.parametrize(
    ("content", "task"),
    [
        ("id,rewrite_prompt\n1,a\n", RECOVERY),
        ('{"usage": "", "answers": []}', RECOVERY),
        ("id,prediction\n1,A\n", CHOICE),
        ("PAR1", CHOICE),
    ],
)
def test_files_of_answers(tmp_path, content, task):
    path = tmp_path / "answers"
    path.write_text(content)
    assert task_of_answers(path) == task


def test_what_a_task_cannot_do_is_an_error(tmp_path, installed):
    with pytest.raises(SettingsError, match="`llmexam audit` does not know the task 'one-word'"):
        capability(installed, "audit", "`llmexam audit`")
    with pytest.raises(SettingsError, match=r"unknown task 'prompt-recovry'.*Did you mean"):
        task_of_exam("x.csv", "prompt-recovry")
    with pytest.raises(ExamError, match=r"none\.csv.*not found"):
        task_of_exam(tmp_path / "none.csv")
    with pytest.raises(SettingsError, match=r"is for multiple-choice exams.*recover predict"):
        require_default_task(REWRITES_PATH, "solve")
    require_default_task(EXAM_PATH, "solve")
