"""Let the solvers of a plan answer one after the other, as long as there is time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmexam.settings.durations import clock_face
from llmexam.tasks.limited import SolverFacts, Worth
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.deadline import Pace, Speed
from llmexam.workflows.run.limit.forecasts import Forecasts
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.record import SubmissionState
from llmexam.workflows.run.limit.schedule import best_members, choose_next
from llmexam.workflows.run.limit.session import Session

# Shares of the time that is left.
_ESTIMATE_SHARE = 0.1
# A solver that keeps to a time by itself gets this share of what is left.
_BUDGET_SHARE = 0.8


class Answering:
    """Chooses the next solver, lets it answer, and writes a better submission.

    Args:
        session: The run.
        worth: What combinations of solvers are worth.
        facts: What else their order depends on.
    """

    def __init__(self, session: Session, worth: Worth, facts: Mapping[str, SolverFacts]) -> None:
        self._session = session
        self._worth = worth
        self._speed = Speed()
        self._forecasts = Forecasts(session.plan, session.record, len(session.items))
        self._facts = facts

    def run(self) -> None:
        """Let solvers answer until all have, or the time is over."""
        session = self._session
        waiting = [one.name for one in session.plan.solvers]
        self._estimate(waiting)
        done: list[str] = []
        while waiting:
            left = session.deadline.work_left
            self._forecasts.factor = self._speed.factor
            found = choose_next(
                waiting,
                done,
                seconds={name: self._forecasts.seconds_left(name) for name in waiting},
                worth=self._worth,
                facts=self._facts,
                left=left,
            )
            if found.name is None or left <= 0:
                self._skip(waiting, found.too_long)
                return
            waiting.remove(found.name)
            others_wait = any(name not in found.too_long for name in waiting)
            if self._answer(found.name, done, others_wait=others_wait):
                done.append(found.name)

    def _estimate(self, waiting: Sequence[str]) -> None:
        """Time the solvers whose seconds are not known, as long as that takes little."""
        session = self._session
        end = session.deadline.elapsed + _ESTIMATE_SHARE * session.deadline.work_left
        # With one solver there is nothing to put in order, and its pace is measured as it runs.
        for name in waiting if len(waiting) > 1 else ():
            room = end - session.deadline.elapsed
            is_known = self._forecasts.seconds_left(name) is not None
            if is_known or self._facts[name].costs_money or room <= 0:
                continue
            found = session.do(steps.Estimate(session.plan, name), room)
            if found.is_done and found.value is not None:
                self._forecasts.add(name, found.value)

    def _answer(self, name: str, done: Sequence[str], *, others_wait: bool) -> bool:
        """Let a solver answer, and return whether it has and its submission is valid."""
        session, facts = self._session, self._facts[name]
        left = session.deadline.work_left
        if facts.fits_itself:
            state = session.record.solvers[name]
            # One that has answered keeps its budget, so that its answers are found again.
            has_answered = state.n_done >= len(session.items)
            budget = state.time_budget if has_answered else None
            budget = budget or round(_BUDGET_SHARE * left, 1)
            session.plan = session.task.limited.with_time(session.plan, name, budget)
            session.record.change(name, time_budget=budget)
        # In the order of the plan, so that the report chooses among equals as the submission did.
        answered = [one.name for one in session.plan.solvers if one.name in {*done, name}]
        is_part = len(answered) < len(session.asked.solvers)
        best = best_members(answered, self._worth) if is_part else ()
        step = steps.Answer(
            session.plan, name, tuple(done), facts.needs & frozenset(done), tuple(best)
        )
        pace = Pace(session.deadline.clock())
        predicted = self._forecasts.seconds_left(name) or None
        found = session.do(step, left, pace=pace, predicted=predicted, others_wait=others_wait)
        if not found.is_done:
            self._interrupted(name, found, pace)
            return False
        each = None
        if not found.value.cached:
            each = _own_pace(name, pace)
            self._forecasts.measured(name, found.value.seconds, self._speed)
            each = each or found.value.seconds / max(len(session.items), 1)
        known = {} if each is None else {"seconds_each": each}
        session.record.change(name, n_done=len(session.items), **known)
        members = (*done, name)
        made = SubmissionState(members=members, best=best, label=", ".join(members))
        error = session.publish(made)
        session.record.change(name, state="failed" if error else "done", reason=error)
        return not error

    def _interrupted(self, name: str, found: Outcome, pace: Pace) -> None:
        """Record how far a solver has come that was stopped or failed."""
        session = self._session
        each = _own_pace(name, pace)
        is_own = steps.solver_of(pace.stage) == name
        n_kept = pace.n_done if is_own else session.record.solvers[name].n_done
        known = {} if each is None else {"seconds_each": each}
        session.record.change(
            name,
            state="left out" if found.stopped else "failed",
            reason=found.stopped or found.error,
            n_done=n_kept,
            **known,
        )
        if each is not None:
            self._forecasts.paced(name, each, self._speed)
        n_all = len(session.items)
        kept = f"; {n_kept:,} of {n_all:,} answers are kept for the next start" if n_kept else ""
        session.leave_out(name, found, kept)

    def _skip(self, waiting: Sequence[str], too_long: Mapping[str, float]) -> None:
        session = self._session
        left = max(0.0, session.deadline.work_left)
        for name in waiting:
            if name in too_long:
                needed = clock_face(too_long[name])
                reason = f"it needs about {needed}, and {clock_face(left)} were left"
            else:
                reason = "no time was left"
            session.record.change(name, state="left out", reason=reason)
            session.leave_out(name, Outcome(stopped=reason))


def _own_pace(name: str, pace: Pace) -> float | None:
    """Return the seconds an item of a solver; None if another stage was reported last."""
    return pace.seconds_each if steps.solver_of(pace.stage) == name else None
