"""What a start with less time leaves of an earlier one."""

import json
from types import SimpleNamespace

import pytest

from llmexam.report.content import TimeLimit
from llmexam.stages.local import LocalExecutor
from llmexam.tasks.limited import SingleWorth
from llmexam.tasks.multiple_choice.limited import LimitedChoice
from llmexam.workflows.run.limit.deadline import Deadline
from llmexam.workflows.run.limit.process import Outcome
from llmexam.workflows.run.limit.record import LimitRecord, SolverState, SubmissionState
from llmexam.workflows.run.limit.run import _Run, run_within
from llmexam.workflows.run.limit.submissions import EARLIER
from llmexam.workflows.run.pipeline import execute, run_plan
from llmexam.workflows.run.plan import read_plan
from workflows.run.limit.conftest import write_plan

LIMIT = TimeLimit(60.0, 1.0, 2, ("longest",), "")


def test_results_of_solvers_that_had_no_time_are_kept(folder):
    write_plan(folder, "longest", "lexical")
    run_plan(folder / "plan.yaml", folder / "out")
    before = (folder / "out" / "submission.csv").read_bytes()
    asked = read_plan(folder / "plan.yaml")
    part = LimitedChoice().part(asked, ["longest"])
    stages = LocalExecutor(folder / "out")
    found = execute(part, folder / "out", stages, "", asked=asked, limit=LIMIT)
    assert [one.name for one in found.solvers] == ["longest"]
    assert (folder / "out" / "scores" / "lexical.parquet").is_file()
    # Only the main process replaces the submission.
    assert (folder / "out" / "submission.csv").read_bytes() == before
    again = run_plan(folder / "plan.yaml", folder / "out")
    assert {one.name for one in again.stages if one.cached} >= {"score longest", "score lexical"}


def test_results_of_solvers_that_the_plan_does_not_have_are_deleted(folder):
    run_plan(write_plan(folder, "longest", "lexical"), folder / "out")
    asked = read_plan(write_plan(folder, "longest"))
    execute(asked, folder / "out", LocalExecutor(folder / "out"), "", asked=asked, limit=LIMIT)
    assert not (folder / "out" / "scores" / "lexical.parquet").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("slow")
def test_a_start_in_which_a_solver_fails_keeps_the_submission_of_an_earlier_one(folder):
    def start():
        return run_within(read_plan(folder / "plan.yaml"), folder / "out", 300.0)

    write_plan(folder, "longest", {"solver": "slow", "name": "slow"})
    assert start().limit.members == ("longest", "slow")
    before = (folder / "out" / "submission.csv").read_bytes()
    # The same solver with other settings: what it had answered does not count.
    write_plan(folder, "longest", {"solver": "slow", "name": "slow", "then": "fail"})
    found = start()
    assert (folder / "out" / "submission.csv").read_bytes() == before
    assert found.content is None
    assert found.limit.members == ("longest", "slow"), "what the submission is made from"
    assert [one.name for one in found.failures] == ["slow"]
    record = json.loads((folder / "out" / "time_limit.json").read_text())
    assert record["solvers"]["slow"]["n_done"] == 0
    assert record["solvers"]["longest"]["n_done"] == 40


def final_plan(folder, states, **made):
    """The plan of the report of a start in which the present submission is an earlier one."""
    plan = read_plan(write_plan(folder, "longest", "lexical", "random"))
    present = SubmissionState(members=("lexical", "longest"), best=("lexical",), **made)
    session = SimpleNamespace(
        plan=plan,
        items=range(40),
        task=SimpleNamespace(limited=LimitedChoice()),
        submissions=SimpleNamespace(present=present),
        record=LimitRecord(folder, "hash", solvers=states),
    )
    return _Run(session, SingleWorth())._final_plan()


def test_an_earlier_submission_is_graded_if_its_answers_are_there(folder):
    answered = {name: SolverState(n_done=40) for name in ("longest", "lexical")}
    found = final_plan(folder, answered)
    assert [one.name for one in found.solvers] == ["longest", "lexical"]
    assert found.final == "lexical", "the combination that the submission was made from"
    assert final_plan(folder, answered | {"lexical": SolverState(n_done=39)}) is None
    failed = SolverState(state="failed", n_done=40)
    assert final_plan(folder, answered | {"lexical": failed}) is None
    assert final_plan(folder, answered, label=EARLIER) is None


def test_single_solvers_are_valued_if_combinations_take_too_long(folder):
    """The step is stopped; the order is chosen by what takes no time."""
    plan = read_plan(write_plan(folder, "longest", values=str(folder)))
    left_out = {}
    session = SimpleNamespace(
        plan=plan,
        deadline=Deadline(100.0, 10.0, 0.0, lambda: 40.0),
        do=lambda step, seconds: Outcome(stopped=f"{type(step).__name__} in {seconds}"),
        leave_out=lambda name, found: left_out.update({name: found.stopped}),
    )
    run = _Run(session, SingleWorth({"longest": 0.5}, "the run"))
    run._value()
    assert run._worth.of(frozenset({"longest"})) == 0.5
    assert left_out == {"values of combinations": "Value in 5.0"}
