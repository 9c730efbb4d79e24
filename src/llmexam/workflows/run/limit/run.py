"""Run a plan within a time limit: the main process, which holds the clock and the submission."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from llmexam.errors import RunError, SettingsError
from llmexam.machine import process_seconds, started_as_command
from llmexam.report.content import LeftOut, RunContent, TimeLimit
from llmexam.stages.progress_file import progress_file
from llmexam.stages.stage import Announce
from llmexam.storage.hashing import hash_json
from llmexam.storage.locking import lock_folder
from llmexam.tasks.limited import SolverFacts, Worth
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.answering import Answering
from llmexam.workflows.run.limit.deadline import Clock, Deadline, reserve_for
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.record import SubmissionState
from llmexam.workflows.run.limit.schedule import order_text
from llmexam.workflows.run.limit.session import Note, Session
from llmexam.workflows.run.limit.submissions import EARLIER
from llmexam.workflows.run.limit.timed_worth import TimedWorth
from llmexam.workflows.run.pipeline import MARK, open_run_folder

LEAST_SECONDS = 10.0
"""The shortest limit: reading and writing take some seconds."""
# Shares of the time that is left, for what comes before the solvers.
_BASELINE_SHARE, _BASELINE_SECONDS = 0.1, 40.0
_SURVEY_SHARE = 0.2
_EVIDENCE_SHARE = 0.5
_VALUE_SHARE = 0.1
# For further combinations, of the whole limit.
_COMBINATIONS_SHARE = 0.05


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


def require_one_machine(cluster: object) -> None:
    """Check that no cluster is given with a time limit.

    Raises:
        SettingsError: One is.
    """
    if cluster is not None:
        raise SettingsError(
            "expected a time limit or a cluster, got both",
            field="cluster",
            hint="Solvers of a run with a time limit are computed on this machine",
        )


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
        # A wrong folder of `values` ends the run before anything is written.
        worth = task_of(plan.task).limited.single_worth(plan)
        deadline = Deadline(limit, reserve_for(limit, len(items)), started, clock)
        with progress_file(folder, announce) as told:
            session = Session(
                plan, folder, items, deadline, command, told, note, overwrite=overwrite
            )
            try:
                return _Run(session, worth).run()
            finally:
                session.close()


class _Run:
    """The steps before and after the solvers, and the result."""

    def __init__(self, session: Session, worth: Worth) -> None:
        self._session = session
        self._worth = worth
        self._baselines: dict[SubmissionState, RunPlan] = {}

    def run(self) -> LimitedRun:
        """Do all steps, and return what came of them."""
        self._write_first()
        self._improve_baseline(prepared=False)
        facts = self._survey()
        if not all(one.error for one in facts.values()):
            self._value()
            items_hash = self._prepare()
            for name, one in facts.items():
                self._session.record.identify(name, one.key and hash_json([one.key, items_hash]))
            if items_hash != self._session.items.content_hash:
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
        made = SubmissionState(label=f"baseline {baseline.name}")
        if baseline.plan is not None:
            self._baselines[made] = session.task.limited.without_search(baseline.plan)
        if session.submissions.present is not None:
            session.note("submission.csv of an earlier start is kept until there is a better one")
            return
        path = session.folder / steps.NEXT_SUBMISSION
        session.task.write_submission(session.plan, session.items, baseline.result, path)
        session.publish(made)

    def _improve_baseline(self, *, prepared: bool) -> None:
        session = self._session
        left = session.deadline.work_left
        seconds = min(_BASELINE_SECONDS, _BASELINE_SHARE * session.deadline.limit, left / 2)
        present = session.submissions.present
        best = SubmissionState(coverage=(len(session.items), prepared))
        if seconds <= 0 or not (present is None or present.is_replaced_by(best)):
            return
        step = steps.WriteBaseline(session.plan, seconds, prepared)
        # The step keeps the time by itself; it is stopped only if something hangs.
        found = session.do(step, min(2 * seconds + 5, left))
        if not found.is_done:
            session.leave_out("baseline lexical", found)
        elif found.value.name:
            done: steps.BaselineDone = found.value
            made = SubmissionState(
                label=f"baseline {done.name}", coverage=(done.n_covered, prepared)
            )
            if done.plan is not None:
                self._baselines[made] = done.plan
            session.publish(made)

    def _value(self) -> None:
        """Compute what combinations are worth; without time for it, single solvers are valued."""
        session = self._session
        if session.plan.values is None:
            return
        found = session.do(steps.Value(session.plan), _VALUE_SHARE * session.deadline.work_left)
        if found.is_done:
            self._worth = found.value
        else:
            session.leave_out("values of combinations", found)
        seconds = _COMBINATIONS_SHARE * session.deadline.limit
        self._worth = TimedWorth(self._worth, seconds, session.deadline.clock)

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

    def _prepare(self) -> str:
        """Search evidence, and return the content hash of the items with it."""
        session = self._session
        room = _EVIDENCE_SHARE * session.deadline.work_left
        found = session.do(steps.Prepare(session.plan), room)
        if found.is_done:
            return str(found.value)
        session.leave_out("evidence", found)
        session.plan = session.task.limited.without_search(session.plan)
        return str(session.items.content_hash)

    def _finish(self) -> LimitedRun:
        """Grade the result and write the report, or say that no time was left for it."""
        session = self._session
        plan = self._final_plan()
        limit = self._limit()
        content = None
        if plan is not None:
            step = steps.Finish(plan, session.asked, limit, tuple(session.stages))
            room = session.deadline.left - session.last_seconds
            found = session.do(step, room, is_last=True)
            content = found.value
            if not found.is_done:
                session.leave_out("report", found)
                limit = self._limit()
        elif session.submissions.present is None:
            raise RunError(
                "no solver has answered, and the task has no baseline",
                file=session.folder,
                hint="Give more time: the same command resumes",
            )
        session.record.limit = asdict(limit)
        return LimitedRun(limit, content)

    def _final_plan(self) -> RunPlan | None:
        """Return the plan of the submission; None if there is none or it cannot be graded.

        A submission of an earlier start is graded if its members have answered the items of this
        one with the same settings.
        """
        session = self._session
        present = session.submissions.present
        if present is None or present.label == EARLIER:
            return None
        if not present.members:
            return self._baselines.get(present)
        plan: RunPlan = session.plan
        for name in present.members:
            state = session.record.solvers.get(name)
            if state is None or state.state == "failed" or state.n_done < len(session.items):
                return None
            if state.time_budget is not None:
                plan = session.task.limited.with_time(plan, name, state.time_budget)
        names = [one.name for one in plan.solvers if one.name in present.members]
        found: RunPlan = session.task.limited.part(plan, names, present.best)
        return found

    def _limit(self) -> TimeLimit:
        session = self._session
        members = session.submissions.members
        left_out = [
            one for one in session.left_out.values() if one.failed or one.name not in members
        ]
        never = LeftOut(
            "explanations and position audits",
            "a run with a time limit makes none; the same command without a limit adds them",
        )
        return TimeLimit(
            session.deadline.limit,
            round(session.deadline.elapsed, 1),
            session.record.n_starts,
            tuple(one.name for one in session.asked.solvers if one.name in members),
            order_text(self._worth),
            (*left_out, never),
            tuple(session.submissions.versions),
        )
