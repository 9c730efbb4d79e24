"""What the parts of a run with a time limit share: plan, time, record, submission and process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmexam.errors import LlmExamError
from llmexam.machine import started_as_command
from llmexam.report.content import LeftOut
from llmexam.settings.durations import clock_face
from llmexam.stages.record import StageRecord
from llmexam.stages.stage import Announce
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.deadline import Deadline, Pace
from llmexam.workflows.run.limit.process import GRACE_SECONDS, Outcome, Worker
from llmexam.workflows.run.limit.record import LimitRecord, SubmissionState
from llmexam.workflows.run.limit.submissions import Submissions
from llmexam.workflows.run.limit.watch import Watch

Note = Callable[[str], None]
# Of the other process; a machine that takes longer gets a larger reserve.
_USUAL_START_SECONDS = 4.0


class Session:
    """One start of a run with a time limit.

    Args:
        plan: The plan.
        folder: The run folder, which is locked.
        items: The items, as they were read.
        deadline: The time.
        command: The command that asked for the run.
        announce: Called with the name of each stage as it begins and goes on.
        note: Called with a line for people.
        overwrite: Whether everything is computed again.

    Attributes:
        asked: The plan.
        plan: The plan as it is carried out: without search if that failed, for example.
        task: Its task.
        deadline: The time; the reserve grows on a slow machine.
        record: What has been done.
        submissions: The submission.
        left_out: What is not in the results, by name.
        stages: Time and memory of the stages that were run.
    """

    def __init__(
        self,
        plan: RunPlan,
        folder: Path,
        items: Any,
        deadline: Deadline,
        command: str,
        announce: Announce,
        note: Note,
        *,
        overwrite: bool = False,
    ) -> None:
        self.asked = self.plan = plan
        self.folder = folder
        self.items = items
        self.deadline = self._first_deadline = deadline
        self.note = note
        self.task = task_of(plan.task)
        names = [one.name for one in plan.solvers]
        self.record = LimitRecord.open(folder, items, names, overwrite=overwrite)
        self.submissions = Submissions(plan, folder, items, self.record, deadline)
        self.left_out: dict[str, LeftOut] = {}
        self.stages: list[StageRecord] = []
        job = steps.Job(folder, command, started_as_command())
        self._grace = min(GRACE_SECONDS, deadline.reserve / 4)
        self._worker = Worker(job, announce, grace=self._grace, clock=deadline.clock)

    def do(
        self,
        step: steps.Step,
        seconds: float,
        *,
        pace: Pace | None = None,
        predicted: float | None = None,
        others_wait: bool = False,
        is_last: bool = False,
    ) -> Outcome:
        """Do a step in the other process, and return how it ended.

        The time that the process needs to start is not that of the step, except of the last one.

        Args:
            step: The step.
            seconds: How long it may take.
            pace: Gets the progress.
            predicted: Seconds that it should take; None if not known.
            others_wait: Whether other solvers could use the time.
            is_last: Whether it may use the reserve.
        """
        if seconds <= 0:
            return Outcome(stopped="no time was left")
        now = self.deadline.clock
        end = now() + (seconds if is_last else self.deadline.work_left)
        if (failed := self._worker.start(end)) is not None:
            return failed
        slowness = self._worker.start_seconds / _USUAL_START_SECONDS
        self.deadline = self._first_deadline.on_slow_machine(slowness)
        began = now()
        pace = pace or Pace(began)
        pace.began = pace.last = began
        watch = Watch(pace, min(began + seconds, end), predicted, others_wait)
        found = self._worker.do(step, watch)
        known = {one.name for one in self.stages}
        self.stages += [one for one in found.stages if not (one.cached and one.name in known)]
        return found

    @property
    def last_seconds(self) -> float:
        """Seconds after the time of the last step: until it is killed, and this process ends."""
        return self._grace + max(1.5, self._worker.start_seconds)

    def publish(self, made: SubmissionState) -> str:
        """Make the submission that was written the present one, if it is valid and no worse.

        Returns:
            Why it is not valid; empty if it is, and is the present one or the present one is
            better.
        """
        try:
            is_new = self.submissions.publish(made)
        except LlmExamError as error:
            self.leave_out(f"submission of {made.label}", Outcome(error=str(error)))
            return str(error)
        if is_new:
            version = self.submissions.versions[-1]
            self.note(f"submission.csv after {clock_face(version.seconds)}: {version.members}")
        return ""

    def leave_out(self, name: str, found: Outcome, more: str = "") -> None:
        """Note that a part is not in the results, and why."""
        reason = f"{found.stopped or found.error}{more}"
        self.left_out[name] = LeftOut(name, reason, failed=bool(found.error))
        self.note(f"{'failed' if found.error else 'left out'}: {name}: {reason}")
        if found.traceback:
            self.note(found.traceback.rstrip())

    def close(self) -> None:
        """End the other process, and write the record."""
        self._worker.close()
        self.record.write()
