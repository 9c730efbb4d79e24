"""Run a plan within a time limit: the main process, which holds the clock and the submission."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from llmexam.errors import RunError, SettingsError
from llmexam.machine import process_seconds, started_as_command
from llmexam.report.content import LeftOut, RunContent, TimeLimit
from llmexam.stages.progress_file import progress_file
from llmexam.stages.stage import Announce
from llmexam.storage.locking import lock_folder
from llmexam.tasks.limited import SolverFacts, Worth
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.answering import Answering
from llmexam.workflows.run.limit.deadline import Clock, Deadline, reserve_for
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.schedule import best_members, order_text
from llmexam.workflows.run.limit.session import Note, Session
from llmexam.workflows.run.pipeline import MARK, open_run_folder

LEAST_SECONDS = 10.0
"""The shortest limit: reading and writing take some seconds."""
# Shares of the time that is left, for what comes before the solvers.
_BASELINE_SHARE, _BASELINE_SECONDS = 0.1, 40.0
_SURVEY_SHARE = 0.2
_EVIDENCE_SHARE = 0.5


@dataclass(frozen=True)
class LimitedRun:
    """What a run with a time limit gave.

    Attributes:
        limit: What was done and what was left out.
        content: The content of the report; None if there was no time to write it.
    """

    limit: TimeLimit
    content: RunContent | None

    @property
    def failures(self) -> tuple[LeftOut, ...]:
        """The parts that failed, other than for lack of time."""
        return tuple(one for one in self.limit.left_out if one.failed)


def run_within(
    plan: RunPlan,
    folder: Path,
    limit: float,
    *,
    overwrite: bool = False,
    command: str = "",
    announce: Announce = lambda name, n_done, n_all: None,
    note: Note = lambda text: None,
    clock: Clock = time.monotonic,
) -> LimitedRun:
    """Run as much of a plan as a time limit allows.

    A first submission is written as soon as the exam is read, and is replaced by better ones as
    evidence and solvers come. The folder has a valid `submission.csv` from then on, whenever the
    process is killed. The limit is that of this start: the same command resumes, with a new one.

    Args:
        plan: The plan.
        folder: The run folder. An earlier run's results in it are used where they still fit.
        limit: The limit, in seconds.
        overwrite: Compute everything again instead of using cached results.
        command: The command that asked for this, for the report.
        announce: Called with the name of each stage as it begins and goes on.
        note: Called with a line for people when a submission is written or a part is left out.
        clock: Returns the time, in seconds.

    Raises:
        SettingsError: The limit is too short.
        RunError: The folder is in use or holds something other than a run, or nothing could be
            answered.
        LlmExamError: The exam cannot be read.
    """
    if limit < LEAST_SECONDS:
        raise SettingsError(
            f"expected a time limit of at least {LEAST_SECONDS:.0f}s, got {limit:g}s",
            field="time_limit",
            hint="Give more time",
        )
    # A command counts from its start, which may take seconds on a busy machine.
    started = clock() - (process_seconds() if started_as_command() else 0.0)
    open_run_folder(plan, folder)
    with lock_folder(folder):
        if overwrite:
            shutil.rmtree(folder / MARK, ignore_errors=True)
        (folder / MARK).mkdir(exist_ok=True)
        items = task_of(plan.task).read(plan)
        worth = task_of(plan.task).limited.worth(plan)
        deadline = Deadline(limit, reserve_for(limit, len(items)), started, clock)
        with progress_file(folder, announce) as told:
            session = Session(plan, folder, items, deadline, command, told, note)
            try:
                return _Run(session, worth).run()
            finally:
                session.close()


class _Run:
    """The steps before and after the solvers, and the result."""

    def __init__(self, session: Session, worth: Worth) -> None:
        self._session = session
        self._worth = worth
        self._baseline: RunPlan | None = None

    def run(self) -> LimitedRun:
        """Do all steps, and return what came of them."""
        self._write_first()
        self._improve_baseline(prepared=False)
        facts = self._survey()
        if not all(one.error for one in facts.values()):
            if self._prepare():
                self._improve_baseline(prepared=True)
            Answering(self._session, self._worth, facts).run()
        return self._finish()

    def _write_first(self) -> None:
        """Write a baseline that takes no time, unless there is a submission already."""
        session = self._session
        found = session.task.limited.baselines(session.plan, session.items, lambda: True)
        baseline = next(iter(found), None)
        if baseline is None:
            return
        self._baseline = baseline.plan
        if session.submissions.members is not None:
            session.note("submission.csv of an earlier start is kept until there is a better one")
            return
        path = session.folder / steps.NEXT_SUBMISSION
        session.task.write_submission(session.plan, session.items, baseline.result, path)
        session.publish((), f"baseline {baseline.name}")

    def _improve_baseline(self, *, prepared: bool) -> None:
        session = self._session
        left = session.deadline.work_left
        seconds = min(_BASELINE_SECONDS, _BASELINE_SHARE * session.deadline.limit, left / 2)
        if session.submissions.members or seconds <= 0:
            return
        step = steps.WriteBaseline(session.plan, seconds, prepared)
        # The step keeps the time by itself; it is stopped only if something hangs.
        found = session.do(step, min(2 * seconds + 5, left))
        if not found.is_done:
            session.leave_out("baseline lexical", found)
        elif found.value.name:
            self._baseline = found.value.plan
            session.publish((), f"baseline {found.value.name}")

    def _survey(self) -> Mapping[str, SolverFacts]:
        """Return what is known of the solvers; those that cannot be used leave the plan."""
        session = self._session
        room = _SURVEY_SHARE * session.deadline.work_left
        found = session.do(steps.Survey(session.plan), room)
        known = found.value if found.is_done else {}
        names = [one.name for one in session.plan.solvers]
        facts = {name: known.get(name, SolverFacts()) for name in names}
        for name in names:
            if facts[name].error:
                session.record.change(name, state="failed", reason=facts[name].error)
                session.leave_out(name, Outcome(error=facts[name].error))
        usable = [name for name in names if not facts[name].error]
        if len(usable) < len(names):
            session.plan = session.task.limited.part(session.plan, usable)
        return facts

    def _prepare(self) -> bool:
        """Search evidence, and return whether that found something."""
        session = self._session
        room = _EVIDENCE_SHARE * session.deadline.work_left
        found = session.do(steps.Prepare(session.plan), room)
        if found.is_done:
            return bool(found.value)
        session.leave_out("evidence", found)
        session.plan = session.task.limited.without_search(session.plan)
        return False

    def _finish(self) -> LimitedRun:
        """Grade the result and write the report, or say that no time was left for it."""
        session = self._session
        done = [one.name for one in session.plan.solvers]
        done = [name for name in done if session.record.solvers[name].state == "done"]
        plan = self._final_plan(done)
        limit = self._limit(done)
        content = None
        if plan is not None:
            step = steps.Finish(plan, session.asked, limit, tuple(session.stages))
            room = session.deadline.left - session.last_seconds
            found = session.do(step, room, is_last=True)
            content = found.value
            if not found.is_done:
                session.leave_out("report", found)
                limit = self._limit(done)
        elif session.submissions.members is None:
            raise RunError(
                "no solver has answered, and the task has no baseline",
                file=session.folder,
                hint="Give more time: the same command resumes",
            )
        session.record.limit = asdict(limit)
        return LimitedRun(limit, content)

    def _final_plan(self, done: Sequence[str]) -> RunPlan | None:
        """Return the plan of the report; None if the submission is that of no plan."""
        session = self._session
        if not done:
            # The submission of an earlier start stays, and its report with it.
            return None if session.submissions.members else self._baseline
        is_part = len(done) < len(session.asked.solvers)
        best = best_members(done, self._worth) if is_part else ()
        plan: RunPlan = session.task.limited.part(session.plan, done, best)
        return plan

    def _limit(self, done: Sequence[str]) -> TimeLimit:
        session = self._session
        never = LeftOut(
            "explanations and position audits",
            "a run with a time limit makes none; the same command without a limit adds them",
        )
        return TimeLimit(
            session.deadline.limit,
            round(session.deadline.elapsed, 1),
            session.record.n_starts,
            tuple(done),
            order_text(self._worth),
            (*session.left_out.values(), never),
            tuple(session.submissions.versions),
        )
