"""What is recorded of a solver that was stopped or has answered, without a process."""

import time
from types import SimpleNamespace

from llmexam.tasks.limited import LimitedTask, SingleWorth, SolverFacts
from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.answering import Answering
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.record import LimitRecord, SolverState


class FakeSession:
    """A session whose steps end as a test says, after reports of progress."""

    def __init__(self, folder, *, reports=(), outcome=None, published=True):
        self.items = range(100)
        self.plan = self.asked = SimpleNamespace(solvers=(SimpleNamespace(name="a"),), values=None)
        self.record = LimitRecord(folder, "hash", solvers={"a": SolverState(n_done=8)})
        self.task = SimpleNamespace(limited=LimitedTask())
        self.deadline = SimpleNamespace(work_left=100.0, elapsed=0.0, clock=time.monotonic)
        self.left_out = {}
        self._reports = reports
        self._outcome = outcome or Outcome(steps.Answered(cached=False, seconds=10.0))
        self._published = published

    def do(self, step, seconds, *, pace=None, **options):
        if isinstance(step, steps.Estimate):
            return STOPPED
        for report in self._reports:
            pace.advance(*report)
        return self._outcome

    def publish(self, made):
        return "" if self._published else "a bad answer"

    def leave_out(self, name, found, more=""):
        self.left_out[name] = f"{found.stopped or found.error}{more}"


def answer(session):
    Answering(session, SingleWorth(), {"a": SolverFacts()}).run()
    return session.record.solvers["a"]


STOPPED = Outcome(stopped="the time was over")


def test_progress_of_another_stage_is_not_that_of_the_solver(tmp_path):
    reports = [(0.0, 0, 100, "score b"), (5.0, 40, 100, "score b"), (9.0, 80, 100, "score b")]
    state = answer(FakeSession(tmp_path, reports=reports, outcome=STOPPED))
    assert (state.state, state.n_done, state.seconds_each) == ("left out", 8, None)


def test_progress_of_the_solver_is_recorded(tmp_path):
    reports = [(0.0, 8, 100, "score a"), (5.0, 12, 100, "score a"), (9.0, 16, 100, "score a")]
    session = FakeSession(tmp_path, reports=reports, outcome=STOPPED)
    state = answer(session)
    assert (state.n_done, state.seconds_each) == (16, 1.0)
    assert "16 of 100 answers are kept" in session.left_out["a"]


def test_a_solver_whose_submission_is_invalid_is_not_done(tmp_path):
    state = answer(FakeSession(tmp_path, published=False))
    assert (state.state, state.reason, state.n_done) == ("failed", "a bad answer", 100)


def test_a_solver_whose_submission_is_valid_is_done(tmp_path):
    state = answer(FakeSession(tmp_path))
    assert (state.state, state.seconds_each) == ("done", 0.1)


def test_a_later_submission_is_made_without_a_solver_whose_answers_are_invalid(tmp_path):
    session = FakeSession(tmp_path)
    names = ("a", "b")
    session.plan = session.asked = SimpleNamespace(
        solvers=tuple(SimpleNamespace(name=name) for name in names), values=None
    )
    session.record.solvers["b"] = SolverState()
    made = []
    session.publish = lambda one: made.append(one.members) or ("bad" if len(made) == 1 else "")
    Answering(session, SingleWorth(), {name: SolverFacts() for name in names}).run()
    first, second = made
    assert len(first) == 1
    assert second == tuple({*names} - {*first})
