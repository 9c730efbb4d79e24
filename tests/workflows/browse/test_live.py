"""What runs and trainings tell of their progress while they work."""

import pytest

from llmexam.errors import LlmExamError
from llmexam.stages.progress_file import read_progress
from llmexam.workflows.browse.listing import Listing
from llmexam.workflows.browse.live import live_curve
from llmexam.workflows.browse.workspace import Workspace
from llmexam.workflows.run.pipeline import run_plan
from run_folders import write_exam


def test_a_run_is_listed_as_running_with_its_stage_and_then_as_finished(tmp_path):
    exam = write_exam(tmp_path / "exam.jsonl")
    work = tmp_path / "work"
    work.mkdir()
    listing, seen = Listing(Workspace(work)), []

    def announce(name, n_done, n_all):
        (entry,) = listing.entries()
        seen.append((entry.state, entry.progress.stage == name, entry.scores))

    plan = {"exam": str(exam), "solvers": ["lexical"], "evaluation": {"n_resamples": 200}}
    run_plan(plan, work / "run", announce=announce)
    assert len(seen) > 4
    assert all(one == ("running", True, ()) for one in seen)
    (entry,) = listing.entries()
    assert entry.state == "finished"
    assert entry.progress is None
    assert entry.scores


def test_a_run_that_fails_says_why_and_can_be_repeated(tmp_path):
    exam = write_exam(tmp_path / "exam.jsonl")
    plan = {"exam": str(exam), "solvers": ["longest"], "evaluation": {"n_resamples": 200}}
    wrong = {**plan, "evaluation": {"slice_by": "colour", "n_resamples": 200}}
    with pytest.raises(LlmExamError, match="colour"):
        run_plan(wrong, tmp_path / "work" / "run")
    (entry,) = Listing(Workspace(tmp_path / "work")).entries()
    assert entry.state == "failed"
    assert "colour" in entry.progress.problem
    run_plan(plan, tmp_path / "work" / "run")
    assert read_progress(tmp_path / "work" / "run") is None


def test_the_curve_that_was_written_last_is_shown(work, tmp_path):
    assert [point.step for point in live_curve(work / "trained")] == [1, 2, 3, 4, 5]
    assert live_curve(tmp_path) == ()
