"""What a later start takes from the record of an earlier one."""

from types import SimpleNamespace

import pytest

from llmexam.tasks.limited import SolverFacts
from llmexam.workflows.run.limit.forecasts import Forecasts
from llmexam.workflows.run.limit.record import LimitRecord, SolverState, SubmissionState
from llmexam.workflows.run.limit.worker import _key
from llmexam.workflows.run.plan import read_plan
from workflows.run.limit.conftest import write_plan

ITEMS = SimpleNamespace(content_hash="hash")
DONE = SolverState(state="done", n_done=100, seconds_each=2.0, time_budget=9.0, key="old")


@pytest.fixture
def folder_of_start(tmp_path):
    record = LimitRecord(tmp_path, "hash", solvers={"a": DONE})
    record.submissions["file"] = SubmissionState(members=("a",))
    record.write()
    return tmp_path


def seconds_left(record):
    return Forecasts(SimpleNamespace(values=None), record, 100).seconds_left("a")


@pytest.mark.parametrize(("key", "expected"), [("old", 0.0), ("new", None), ("", 0.0)])
def test_what_was_done_with_other_settings_does_not_count(folder_of_start, key, expected):
    record = LimitRecord.open(folder_of_start, ITEMS, ["a"])
    record.identify("a", key)
    assert seconds_left(record) == expected
    assert record.solvers["a"].key == (key or "old")
    assert record.submissions["file"].members == ("a",)


def test_overwriting_forgets_what_solvers_did_but_not_the_submission(folder_of_start):
    record = LimitRecord.open(folder_of_start, ITEMS, ["a"], overwrite=True)
    assert record.solvers["a"] == SolverState()
    assert seconds_left(record) is None
    assert record.submissions["file"].members == ("a",)
    assert record.n_starts == 2


def test_the_key_of_a_solver_follows_its_settings(folder, slow):
    def key(seconds, **keys):
        plan = write_plan(folder, {"solver": "slow", "name": "a", "seconds": seconds}, **keys)
        return _key(read_plan(plan), "a", SolverFacts())

    assert key(0.1) == key(0.1, title="Another", evaluation={"n_resamples": 300})
    assert key(0.1) != key(0.2)
    assert _key(read_plan(folder / "plan.yaml"), "a", SolverFacts(error="no model")) == ""
