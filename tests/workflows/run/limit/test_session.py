"""Time of the last step."""

from types import SimpleNamespace

from llmexam.workflows.run.limit import steps
from llmexam.workflows.run.limit.deadline import Deadline
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.session import Session
from llmexam.workflows.run.plan import read_plan
from workflows.run.limit.conftest import write_plan


class SlowWorker:
    """Takes some seconds to start, and never ends a step by itself."""

    def __init__(self, clock, start_seconds):
        self.start_seconds = start_seconds
        self._clock = clock
        self.must_end = 0.0

    def start(self, until):
        self._clock[0] += self.start_seconds

    def do(self, step, watch):
        while not watch.reason_to_stop(self._clock[0]):
            self._clock[0] += 0.1
        return Outcome(stopped="the time was over")


def test_a_report_that_hangs_is_killed_before_the_limit(folder):
    clock = [0.0]
    plan = read_plan(write_plan(folder, "longest"))
    deadline = Deadline(120.0, 8.0, 0.0, lambda: clock[0])
    items = plan.exam.read()
    session = Session(plan, folder, items, deadline, "", lambda *told: None, lambda text: None)
    grace = session._worker._grace
    assert grace == 2.0
    session._worker = SlowWorker(clock, 3.0)
    clock[0] = 105.0
    limit = SimpleNamespace()
    session.do(
        steps.Finish(plan, plan, limit, ()), deadline.left - session.last_seconds, is_last=True
    )
    # It is asked to stop, is killed after the grace, and this process ends.
    assert clock[0] + grace + 3.0 <= 120.0 + 0.2
