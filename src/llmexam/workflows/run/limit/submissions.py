"""The submission of a run with a time limit: checked, recorded, and replaced atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from llmexam.errors import LlmExamError
from llmexam.machine import sync_to_disk
from llmexam.report.content import Items, SubmissionVersion
from llmexam.storage.hashing import hash_file
from llmexam.tasks.capabilities import Grader
from llmexam.tasks.lookup import capabilities_of, capability
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.own_files import read_object
from llmexam.workflows.run.limit.deadline import Deadline
from llmexam.workflows.run.limit.record import LimitRecord, SubmissionState
from llmexam.workflows.run.limit.steps import NEXT_SUBMISSION
from llmexam.workflows.run.pipeline import RUN_FILE

SUBMISSION = "submission.csv"
EARLIER = "an earlier run"
"""Label of a submission that was not written by a start with a limit."""


class Submissions:
    """Writes versions of the submission of a run, each at least as good as the one before.

    A version becomes `submission.csv` by a rename, after its ids and answers were checked as
    graders would. The record of what it is made from is written before that, so that a start
    after a kill knows what is there.

    Args:
        plan: The plan.
        folder: The run folder.
        items: The items.
        record: The record of the run.
        deadline: The time.

    Attributes:
        versions: The versions that this start wrote.
        present: What the present version is made from; None if there is no submission yet.
    """

    def __init__(
        self, plan: RunPlan, folder: Path, items: Items, record: LimitRecord, deadline: Deadline
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._items = items
        self._record = record
        self._deadline = deadline
        self.versions: list[SubmissionVersion] = []
        self.present: SubmissionState | None = self._found()

    @property
    def members(self) -> frozenset[str]:
        """The solvers that the present version is made from; none for a baseline or no version."""
        return frozenset(() if self.present is None else self.present.members)

    def publish(self, made: SubmissionState) -> bool:
        """Make the submission that was written beside the present one the present one.

        Args:
            made: What it is made from.

        Returns:
            Whether it was: not if the present one is made from more.

        Raises:
            LlmExamError: It is not a valid submission; the present one stays.
        """
        path = self._folder / NEXT_SUBMISSION
        if self.present is not None and not self.present.is_replaced_by(made):
            path.unlink(missing_ok=True)
            return False
        self._check(path)
        self._record.submissions[hash_file(path)] = made
        self._record.write()
        path.replace(self._folder / SUBMISSION)
        sync_to_disk(self._folder)
        self.present = made
        self.versions.append(SubmissionVersion(round(self._deadline.elapsed, 1), made.label))
        return True

    def _check(self, path: Path) -> None:
        if not capabilities_of(self._plan.task).grader:
            return
        grader: Grader[Any] = capability(self._plan.task, "grader", "run")()
        options = self._plan.evaluation.model_dump(include={"k"})
        grader.check(self._items, path, options=options)

    def _found(self) -> SubmissionState | None:
        """Return what the submission in the folder is made from, if it is one of this exam."""
        path = self._folder / SUBMISSION
        if not path.is_file():
            return None
        content = hash_file(path)
        if content in self._record.submissions:
            return self._record.submissions[content]
        run = read_object(self._folder / RUN_FILE)
        files, exam = run.get("files"), run.get("exam")
        is_same = isinstance(exam, dict) and exam.get("source_hash") == self._items.source_hash
        if not (isinstance(files, dict) and files.get(SUBMISSION) == content and is_same):
            return None
        try:
            self._check(path)
        except LlmExamError:
            return None
        # Solvers of that run that the plan does not have any more are no reason to keep it, but no
        # baseline is known to be better.
        answered = _solvers_of(run, files, task_of(self._plan.task).folders[0])
        members = tuple(one.name for one in self._plan.solvers if one.name in answered)
        return SubmissionState(
            members=members, label=EARLIER, coverage=(len(self._items) + 1, True)
        )


def _solvers_of(run: Mapping[str, Any], files: Mapping[str, Any], folder: str) -> set[str]:
    """Return the solvers whose answers are in the result of a run, from its `run.json`."""
    limit = run.get("time_limit")
    if isinstance(limit, dict):
        members = limit.get("members")
        return set(map(str, members)) if isinstance(members, list) else set()
    places = (PurePosixPath(name) for name in files)
    return {place.stem for place in places if place.parent.as_posix() == folder}
