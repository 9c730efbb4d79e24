"""The final results of two runs are compared on the exam of their plans."""

import pytest

from llmexam.errors import RunError
from llmexam.workflows.compare import compare
from llmexam.workflows.compare_runs import compare_runs
from llmexam.workflows.run.pipeline import run_plan

CHOICE = {"exam": "bundled", "evaluation": {"n_resamples": 200, "positions": False, "k": 2}}
RECOVERY = {
    "task": "prompt-recovery",
    "exam": "bundled",
    "evaluation": {"embedder": "bundled", "n_resamples": 200},
}


def run(folder, plan, **changes):
    run_plan({**plan, **changes}, folder)
    return folder


def test_runs_of_multiple_choice(tmp_path):
    first = run(tmp_path / "first", CHOICE, solvers=["first"])
    longest = run(tmp_path / "longest", CHOICE, solvers=["longest"])
    found = compare_runs(first, longest)
    assert (found.name_a, found.name_b, found.metric.name) == ("first", "longest", "map_at_2")
    assert found.n_resamples == 200
    again = compare("bundled", first, longest, k=2, n_resamples=200)
    assert again == found
    assert compare_runs(first, longest, k=3).metric.name == "map_at_3"


@pytest.mark.slow
@pytest.mark.needs("encoders")
def test_runs_of_prompt_recovery(tmp_path):
    constant = run(tmp_path / "constant", RECOVERY, solvers=["constant"])
    copy = run(tmp_path / "copy", RECOVERY, solvers=["copy"])
    found = compare_runs(constant, copy)
    assert found.winner == "constant"
    assert found.noun == "row"
    # A file of answers of the folder is compared as well.
    file = constant / "answers" / "constant.json"
    files = compare(
        "bundled", file, copy, task="prompt-recovery", embedder="bundled", n_resamples=200
    )
    assert files.difference == found.difference


def test_folders_must_be_runs_of_one_exam(tmp_path):
    first = run(tmp_path / "first", CHOICE, solvers=["first"])
    exam = tmp_path / "exam.csv"
    exam.write_text("id,prompt,A,B,answer\n1,p,a,b,A\n")
    other = run(tmp_path / "other", CHOICE, exam=str(exam), solvers=["first"])
    with pytest.raises(RunError, match=r"the run is of another exam than .*first"):
        compare_runs(first, other)
    with pytest.raises(RunError, match=r"which has a plan\.yaml"):
        compare_runs(first, tmp_path)
    with pytest.raises(RunError, match="expected the folder of a run"):
        compare_runs(first, exam)
