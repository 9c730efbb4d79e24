"""Runs with a time limit, with the real process that solvers run in."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from llmexam.errors import RunError, SettingsError
from llmexam.exam.loading import load_exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.submission import validate_submission
from llmexam.report.content import TimeLimit
from llmexam.workflows.run import start as start_module
from llmexam.workflows.run.limit.run import LimitedRun, run_within
from llmexam.workflows.run.limit.session import Session
from llmexam.workflows.run.pipeline import run_plan
from llmexam.workflows.run.plan import read_plan
from llmexam.workflows.run.start import run as start
from workflows.run.limit.conftest import write_exam, write_plan

pytestmark = pytest.mark.usefixtures("slow")
LIMIT = 300.0
HANG = {"solver": "slow", "name": "hang", "then": "hang"}


def within(folder, limit=LIMIT, out="out", **options):
    """Run the plan of a folder, and return the result and the lines for people."""
    notes = []
    found = run_within(
        read_plan(folder / "plan.yaml"), folder / out, limit, note=notes.append, **options
    )
    check_submission(folder, out)
    return found, notes


def check_submission(folder, out="out"):
    exam = load_exam(folder / "exam.csv")
    answers = validate_submission(folder / out / "submission.csv", exam)
    assert tuple(answers) == exam.ids, "the order of the exam"
    return answers


def left_out(found):
    return {one.name: one.reason for one in found.limit.left_out}


def test_a_run_with_enough_time_gives_what_a_run_without_limit_gives(folder):
    write_plan(folder, "longest", "lexical", {"solver": "slow", "name": "slow"})
    found, notes = within(folder)
    assert found.failures == ()
    assert found.limit.members == ("longest", "lexical", "slow")
    assert [one.members for one in found.limit.versions][:2] == [
        "baseline first",
        "baseline lexical",
    ]
    assert len(found.limit.versions) == 5
    assert any("submission.csv after" in note for note in notes)
    assert left_out(found).keys() == {"explanations and position audits"}
    plain = run_plan(folder / "plan.yaml", folder / "plain")
    for name in ("submission.csv", "plan.yaml"):
        assert (folder / "out" / name).read_bytes() == (folder / "plain" / name).read_bytes()
    assert plain.final.evaluation == found.content.final.evaluation
    page = (folder / "out" / "report.html").read_text()
    assert 'id="time-limit"' in page
    record = json.loads((folder / "out" / "run.json").read_text())
    assert record["time_limit"]["members"] == ["longest", "lexical", "slow"]
    assert not (folder / "out" / "stages" / "submission.next.csv").exists()
    # A run without a limit takes the scores, and adds what was left out.
    again = run_plan(folder / "plan.yaml", folder / "out")
    assert {one.name for one in again.stages if one.cached} >= {"score longest", "score lexical"}
    assert all(one.explanations for one in again.solvers)
    assert not (folder / "out" / "time_limit.json").exists()


@pytest.mark.needs("encoders")
def test_failures_of_all_kinds_lose_nothing(folder):
    broken = [{"solver": "slow", "name": kind, "then": kind} for kind in ("fail", "die")]
    other = {"solver": "causal-lm", "model": str(folder / "nowhere")}
    write_plan(folder, *broken, other, "longest")
    found, notes = within(folder)
    reasons = left_out(found)
    assert {one.name for one in found.failures} == {"fail", "die", "causal-lm"}
    assert reasons["fail"] == "ValueError: a bug"
    assert reasons["die"] == "its process was killed by SIGKILL, perhaps for lack of memory"
    assert "nowhere" in reasons["causal-lm"]
    assert found.limit.members == ("longest",)
    assert any("Traceback" in note for note in notes)
    assert "failed" in (folder / "out" / "report.html").read_text()


def test_a_solver_that_hangs_ends_with_the_time(folder):
    write_plan(folder, HANG, final="hang")
    later = [0.0]

    def announce(stage, n_done, n_all):
        # Once it hangs, the time passes at once.
        later[0] = LIMIT if stage == "score hang" else later[0]

    found, _ = within(folder, announce=announce, clock=lambda: time.monotonic() + later[0])
    assert left_out(found)["hang"] == "the time was over"
    assert found.failures == ()
    assert found.limit.members == ()
    record = json.loads((folder / "out" / "time_limit.json").read_text())
    assert record["solvers"]["hang"]["state"] == "left out"


@pytest.mark.slow
def test_given_weights_are_restricted_to_the_solvers_that_finished(folder):
    weights = {"longest": 1.0, "lexical": 3.0, "fail": 4.0}
    fail = {"solver": "slow", "name": "fail", "then": "fail"}
    write_plan(folder, "longest", "lexical", fail, ensemble={"weights": weights})
    found, _ = within(folder)
    assert {one.name: one.weight for one in found.content.solvers} == {
        "longest": 0.25,
        "lexical": 0.75,
    }
    # The plan in the folder is the whole plan, which the next start runs.
    plan = yaml.safe_load((folder / "out" / "plan.yaml").read_text())
    assert [one["name"] for one in plan["solvers"]] == ["longest", "lexical", "fail"]
    assert plan["ensemble"]["weights"] == weights


@pytest.mark.slow
def test_evidence_that_fails_is_left_out(folder):
    write_plan(folder, "lexical", evidence={"corpus": str(folder / "nowhere.jsonl")})
    found, _ = within(folder)
    assert "nowhere" in left_out(found)["evidence"]
    assert [one.name for one in found.failures] == ["evidence"]
    assert found.limit.members == ("lexical",)


def test_an_earlier_run_gives_order_and_combination(folder):
    solvers = ["longest", "lexical", {"solver": "random", "name": "dice"}]
    write_plan(folder, *solvers)
    run_plan(folder / "plan.yaml", folder / "earlier")
    fail = {"solver": "slow", "name": "fail", "then": "fail"}
    write_plan(folder, *solvers, fail, values=str(folder / "earlier"))
    found, _ = within(folder)
    assert "by the run" in found.limit.order
    # `lexical` is right everywhere here, and each other one makes it worse.
    versions = [one.members for one in found.limit.versions]
    assert versions[2] == "lexical"
    assert found.content.final.name == "lexical"
    assert found.limit.members == ("longest", "lexical", "dice")


@pytest.mark.slow
def test_an_exam_without_answers_is_answered(folder):
    write_exam(folder, 40, labelled=False)
    write_plan(folder, "longest", "lexical")
    found, _ = within(folder)
    assert found.content.final.evaluation is None
    assert not (folder / "out" / "metrics.json").exists()


@pytest.mark.slow
def test_members_of_the_plan_come_before_a_cascade_that_uses_them(folder):
    cascade = {"solver": "cascade", "first": "lexical", "second": "longest", "time_budget": 100}
    write_plan(folder, cascade, "lexical", "longest", final="cascade")
    found, _ = within(folder)
    *members, last = found.limit.versions[-1].members.split(", ")
    assert (set(members), last) == ({"lexical", "longest"}, "cascade")
    assert found.content.final.name == "cascade"


def test_the_limit_of_the_plan_is_used_and_the_option_wins(folder, monkeypatch):
    limits = []

    def instead(plan, folder, limit, **options):
        limits.append(limit)
        return LimitedRun(TimeLimit(limit, 0.0, 1, (), ""), None)

    monkeypatch.setattr(start_module, "run_within", instead)
    write_plan(folder, "longest", time_limit="5m")
    for option in (None, "6m"):
        with pytest.raises(RunError, match=r"submission\.csv is complete"):
            start(folder / "plan.yaml", folder / "out", time_limit=option)
    assert limits == [300.0, 360.0]


@pytest.mark.parametrize("limit", ["9 hours", "tomorrow", "-5m"])
def test_a_limit_that_is_no_duration_is_named(folder, limit):
    write_plan(folder, "longest", time_limit=limit)
    with pytest.raises(SettingsError, match=r"plan\.yaml.*time_limit.*expected a duration.*9h"):
        start(folder / "plan.yaml", folder / "out")


def test_a_limit_that_is_too_short_is_refused(folder):
    write_plan(folder, "longest", time_limit=3)
    with pytest.raises(SettingsError, match="at least 10s, got 3s"):
        start(folder / "plan.yaml", folder / "out")
    assert not (folder / "out").exists()


def test_values_must_be_a_run_with_answers(folder):
    write_plan(folder, "longest", values=str(folder))
    with pytest.raises(RunError, match="expected the folder of a run on an exam with answers"):
        start(folder / "plan.yaml", folder / "out", time_limit="5m")


@pytest.mark.slow
def test_a_report_without_time_leaves_the_submission(folder, monkeypatch):
    write_plan(folder, "longest")
    monkeypatch.setattr(Session, "last_seconds", LIMIT)
    found, _ = within(folder)
    assert found.content is None
    assert left_out(found)["report"] == "no time was left"


def command(folder, limit):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "llmexam",
            "run",
            "plan.yaml",
            "--out",
            "out",
            "--time-limit",
            limit,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def members_of(record):
    return [one["members"] for one in record["submissions"].values()]


def wait_for_part(folder, *after):
    """Wait until other solvers have answered, and then one has kept a part of its scores."""
    end = time.monotonic() + 120
    record = folder / "out" / "time_limit.json"
    while not record.exists() or (
        list(after) not in members_of(json.loads(record.read_text()))
        or not list(folder.glob("out/stages/parts/*/*.parquet"))
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_run_keeps_its_submission_and_resumes_within_a_solver(folder):
    write_plan(folder, "longest", {"solver": "slow", "name": "slow", "seconds": 0.1})
    child = command(folder, "5m")
    wait_for_part(folder, "longest")
    child.kill()
    child.communicate()
    check_submission(folder)
    record = json.loads((folder / "out" / "time_limit.json").read_text())
    assert members_of(record) == [[], [], ["longest"]]
    parts = list(folder.glob("out/stages/parts/*/*.parquet"))
    n_kept = sum(len(read_scores(path)[0]) for path in parts)
    assert 0 < n_kept < 40
    found, notes = within(folder)
    assert "kept until there is a better one" in notes[0]
    assert found.limit.n_starts == 2
    assert found.limit.members == ("longest", "slow")
    # It never falls behind what was there.
    assert [one.members for one in found.limit.versions] == ["longest", "longest, slow"]
    assert not list(folder.glob("out/stages/parts/*"))


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        pytest.param(signal.SIGINT, 130, "interr", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_says_what_it_leaves(folder, number, code, word):
    write_plan(folder, {"solver": "slow", "name": "slow", "seconds": 0.5})
    child = command(folder, "5m")
    wait_for_part(folder)
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == code
    assert word in errors
    assert "submission.csv has the best result so far" in errors
    check_submission(folder)


@pytest.mark.slow
def test_a_machine_four_times_as_slow_ends_in_time(folder):
    """Both solvers take four times what the earlier run says, and only one has time for that."""
    solvers = [{"solver": "slow", "name": name, "seconds": 0.0} for name in ("a", "b")]
    write_plan(folder, *solvers)
    run_plan(folder / "plan.yaml", folder / "earlier")
    record = json.loads((folder / "earlier" / "run.json").read_text())
    for stage in record["stages"]:
        stage["seconds"] = {"score a": 2.0, "score b": 10.0}.get(stage["name"], 0.0)
    (folder / "earlier" / "run.json").write_text(json.dumps(record))
    slow = [{**one, "seconds": each} for one, each in zip(solvers, (0.2, 1.0), strict=True)]
    write_plan(folder, *slow, values=str(folder / "earlier"))
    begin = time.monotonic()
    found, _ = within(folder, 40.0)
    assert time.monotonic() - begin < 40.0 + 5.0
    assert found.limit.members == ("a",)
    assert "it needs about" in left_out(found)["b"]
