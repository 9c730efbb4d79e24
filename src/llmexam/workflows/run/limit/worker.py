"""The process that does the long steps of a run with a time limit.

It can be killed at any moment: all that it finishes is in files that are written atomically, and
another process finds it there.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from llmexam.errors import LlmExamError
from llmexam.exam.exam import Exam
from llmexam.machine import end_with_parent, kill_with_parent, mark_as_command
from llmexam.report.content import Result, RunContent
from llmexam.solvers.registry import create_solver
from llmexam.stages.local import LocalExecutor
from llmexam.stages.record import StageRecord
from llmexam.stages.stage import key_of
from llmexam.storage.hashing import hash_json
from llmexam.tasks.limited import SolverFacts, Worth
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.registry import task_of
from llmexam.workflows.estimate.predict import predict
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.schedule import Forecast
from llmexam.workflows.run.pipeline import execute

_SAMPLES = (4, 12)
# Keys of plans that change no answer of a solver.
_NOT_IN_KEY = {
    "audit_against",
    "ensemble",
    "evaluation",
    "evidence",
    "exam",
    "final",
    "seed",
    "solvers",
    "time_limit",
    "title",
    "values",
    "vector_cache",
}


class StopStep(BaseException):
    """The main process asked to stop the step. No `except Exception` of a solver catches it."""


def work(connection: Connection, stop: Event, job: steps.Job) -> None:
    """Do one step after the other until the connection is closed.

    Args:
        connection: Gives steps, and takes `Progress` and a `Reply` for each.
        stop: Set when the step should end.
        job: The run.
    """
    # Ctrl-C goes to all processes of a terminal; the main process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    kill_with_parent()
    end_with_parent()
    if job.is_command:
        mark_as_command()
    # What a library prints must not be mixed with the output of the command.
    os.dup2(2, 1)
    worker = _Worker(connection, stop, job)
    connection.send(steps.Ready())
    while True:
        try:
            step = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(worker.reply(step))


class _Worker:
    """Does steps, and remembers what several need."""

    def __init__(self, connection: Connection, stop: Event, job: steps.Job) -> None:
        self._connection = connection
        self._stop = stop
        self._job = job
        self._stages = self._executor()
        self._read: Any = None
        self._prepared: tuple[dict[str, Any], Any] | None = None
        self._results: dict[str, Result] = {}
        self._do: Mapping[type[steps.Step], Callable[[Any], Any]] = {
            steps.WriteBaseline: self._write_baseline,
            steps.Prepare: self._prepare,
            steps.Value: self._value,
            steps.Survey: self._survey,
            steps.Estimate: self._estimate,
            steps.Answer: self._answer,
            steps.Finish: self._finish,
        }

    def reply(self, step: steps.Step) -> steps.Reply:
        """Do a step, and return how it ended."""
        self._stages = self._executor()
        try:
            value = self._do[type(step)](step)
        except StopStep:
            return steps.Reply(stopped=True, stages=tuple(self._stages.records))
        except LlmExamError as error:
            return steps.Reply(error=str(error))
        except Exception as error:
            # A bug of a solver, perhaps of another package, must not end the run.
            text = " ".join(f"{type(error).__name__}: {error}".split())
            return steps.Reply(error=text, traceback=traceback.format_exc())
        return steps.Reply(value, stages=tuple(self._stages.records))

    def _executor(self) -> LocalExecutor:
        return LocalExecutor(self._job.folder, announce=self._announce, keeps_parts=True)

    def _announce(self, stage: str, n_done: int, n_all: int | None) -> None:
        if self._stop.is_set():
            raise StopStep
        self._connection.send(steps.Progress(stage, n_done, n_all))

    def _write_baseline(self, step: steps.WriteBaseline) -> steps.BaselineDone:
        plan, task = step.plan, task_of(step.plan.task)
        if not step.prepared:
            # Its report shows the items without evidence that was not there.
            plan = task.limited.without_search(plan)
        items = self._items(plan) if step.prepared else self._read_items(plan)
        end = time.monotonic() + step.seconds
        best = None
        # The first one takes no time and is written already.
        for number, best in enumerate(
            task.limited.baselines(plan, items, lambda: time.monotonic() >= end)
        ):
            if number == 0:
                best = None
        if best is None:
            return steps.BaselineDone()
        task.write_submission(plan, items, best.result, self._job.folder / steps.NEXT_SUBMISSION)
        return steps.BaselineDone(best.name, best.plan, best.n_covered)

    def _prepare(self, step: steps.Prepare) -> str:
        return str(self._items(step.plan).content_hash)

    def _survey(self, step: steps.Survey) -> Mapping[str, SolverFacts]:
        plan = step.plan
        facts = task_of(plan.task).limited.facts(plan)
        return {name: replace(one, key=_key(plan, name, one)) for name, one in facts.items()}

    def _value(self, step: steps.Value) -> Worth:
        worth = task_of(step.plan.task).limited.worth(step.plan)
        names = [one.name for one in step.plan.solvers]
        # What these need is kept in it: files that are read, weights that are fitted.
        for some in (frozenset(names), *(frozenset({name}) for name in names)):
            worth.of(some)
        return worth

    def _estimate(self, step: steps.Estimate) -> Forecast | None:
        items = self._items(step.plan)
        if not isinstance(items, Exam):
            return None
        spec = next(one for one in step.plan.solvers if one.name == step.name)
        solver = create_solver(spec.solver, spec.settings)
        found = predict(items.questions, solver, name=step.name, samples=_SAMPLES)
        return Forecast(found.fixed_seconds, found.moving.likely / max(len(items), 1))

    def _answer(self, step: steps.Answer) -> steps.Answered:
        task = task_of(step.plan.task)
        limited = task.limited
        items = self._items(step.plan)
        task.check(limited.part(step.plan, [step.name]), self._read_items(step.plan))
        missing = [name for name in step.done if name not in self._results]
        names = {*missing, *step.needs, step.name}
        part = limited.quick(limited.part(step.plan, _in_order(step.plan, names)))
        for result in task.answer(part, items, self._stages, self._job.folder):
            self._results[result.name] = result
        record = _record_of(self._stages.records, step.name)
        all_done = _in_order(step.plan, {*step.done, step.name})
        whole = limited.quick(limited.part(step.plan, all_done, step.best))
        results = [self._results[name] for name in all_done]
        final, _ = task.combine(whole, items, results, self._stages, self._job.folder)
        task.write_submission(whole, items, final, self._job.folder / steps.NEXT_SUBMISSION)
        return steps.Answered(record is not None and record.cached, record.seconds if record else 0)

    def _finish(self, step: steps.Finish) -> RunContent:
        self._stages.records = _Records(step.stages)
        return execute(
            step.plan,
            self._job.folder,
            self._stages,
            self._job.command,
            asked=step.asked,
            limit=step.limit,
        )

    def _read_items(self, plan: RunPlan) -> Any:
        if self._read is None:
            self._read = task_of(plan.task).read(plan)
        return self._read

    def _items(self, plan: RunPlan) -> Any:
        """Return the items as solvers get them, prepared once."""
        key = plan.model_dump(exclude={"solvers"})
        if self._prepared is None or self._prepared[0] != key:
            task = task_of(plan.task)
            read = self._read_items(plan)
            found = task.prepare(plan, read, self._stages, self._job.folder)
            self._prepared = (key, found.items)
        return self._prepared[1]


class _Records(list[StageRecord]):
    """Records of stages in which a stage that was run before is not shown again as cached."""

    def append(self, record: StageRecord, /) -> None:
        if not (record.cached and any(one.name == record.name for one in self)):
            super().append(record)


def _key(plan: RunPlan, name: str, facts: SolverFacts) -> str:
    """Return a hash of what the answers of a solver depend on, beside the items."""
    if facts.error:
        return ""
    planned = next(one for one in plan.solvers if one.name == name)
    others = plan.model_dump(mode="json", exclude=_NOT_IN_KEY)
    return hash_json([planned.solver, key_of(planned.settings), others])


def _in_order(plan: RunPlan, names: set[str]) -> list[str]:
    return [one.name for one in plan.solvers if one.name in names]


def _record_of(records: Sequence[StageRecord], name: str) -> StageRecord | None:
    """Return the stage in which a solver answered."""
    return next((one for one in records if steps.solver_of(one.name) == name), None)
