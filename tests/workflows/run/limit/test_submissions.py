"""Which submission replaces which, and what a present one is made from."""

import json

import pytest

from llmexam.errors import LlmExamError
from llmexam.exam.submission import write_submission
from llmexam.solvers.scoring import solve
from llmexam.storage.hashing import hash_file
from llmexam.workflows.run.limit.deadline import Deadline
from llmexam.workflows.run.limit.record import LimitRecord, SubmissionState
from llmexam.workflows.run.limit.steps import NEXT_SUBMISSION
from llmexam.workflows.run.limit.submissions import EARLIER, Submissions
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.run.plan import read_plan
from workflows.run.limit.conftest import write_plan

NAMES = ["longest", "lexical", "random"]


def submissions_of(folder, *solvers):
    """The submissions of a folder `out`, as a start of a plan with these solvers finds them."""
    plan = read_plan(write_plan(folder, *(solvers or NAMES)))
    exam = plan.exam.read()
    (folder / "out" / "stages").mkdir(parents=True, exist_ok=True)
    record = LimitRecord.open(folder / "out", exam, NAMES)
    return Submissions(plan, folder / "out", exam, record, Deadline(60.0, 5.0, 0.0, lambda: 1.0))


def publish(folder, found, solver="first", **made):
    exam = read_plan(folder / "plan.yaml").exam.read()
    write_submission(folder / "out" / NEXT_SUBMISSION, solve(exam, solver), k=3)
    return found.publish(SubmissionState(**made))


def baseline(n, prepared=False):
    return {"label": f"baseline of {n}", "coverage": (n, prepared)}


@pytest.mark.parametrize(
    ("before", "after", "is_better"),
    [
        (baseline(40), baseline(12), False),
        (baseline(40), baseline(12, prepared=True), False),
        (baseline(40), baseline(40, prepared=True), True),
        (baseline(40, prepared=True), baseline(40), False),
        (baseline(12), baseline(12), True),
        (baseline(40), {"members": ("longest",)}, True),
        ({"members": ("longest",)}, baseline(40), False),
        ({"members": ("longest", "lexical")}, {"members": ("longest",)}, False),
        ({"members": ("longest",)}, {"members": ("longest", "lexical")}, True),
    ],
)
def test_a_submission_is_replaced_only_by_one_that_is_as_good(folder, before, after, is_better):
    found = submissions_of(folder)
    assert publish(folder, found, **before)
    assert publish(folder, found, "longest", **after) is is_better
    kept = SubmissionState(**(after if is_better else before))
    assert found.present == kept
    # So does a later start.
    assert submissions_of(folder).present == kept
    assert not (folder / "out" / NEXT_SUBMISSION).exists()


def test_an_invalid_submission_does_not_replace_a_good_one(folder):
    found = submissions_of(folder)
    publish(folder, found, members=("longest",))
    before = hash_file(folder / "out" / "submission.csv")
    (folder / "out" / NEXT_SUBMISSION).write_text("id,prediction\n0,A\n")
    with pytest.raises(LlmExamError):
        found.publish(SubmissionState(members=("longest", "lexical")))
    assert hash_file(folder / "out" / "submission.csv") == before
    assert found.members == {"longest"}


@pytest.mark.parametrize(
    ("solvers", "members"),
    [
        (["longest", "random"], ["longest"]),
        (["lexical", "longest"], ["lexical", "longest"]),
        (["random"], []),
    ],
)
def test_an_earlier_run_is_credited_to_its_own_solvers(folder, solvers, members):
    run_plan(write_plan(folder, "longest", "lexical"), folder / "out")
    found = submissions_of(folder, *solvers)
    assert (found.present.label, list(found.present.members)) == (EARLIER, members)
    assert not publish(folder, found, **baseline(40, prepared=True)), "no baseline is better"
    assert publish(folder, found, members=tuple(solvers))


def test_a_run_with_a_limit_is_credited_to_its_members(folder):
    run_plan(write_plan(folder, "longest", "lexical"), folder / "out")
    path = folder / "out" / "run.json"
    run = json.loads(path.read_text()) | {"time_limit": {"members": ["lexical"]}}
    path.write_text(json.dumps(run))
    assert submissions_of(folder).members == {"lexical"}
