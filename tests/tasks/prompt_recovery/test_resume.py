"""A run that is killed at any point and started again ends with the same files.

The run that is killed is a fork of the test's process, which has loaded torch and the embedder.
"""

import importlib
import os
import signal
import warnings

import pytest
import yaml

from llmexam.workflows.run.pipeline import run_plan

if not hasattr(os, "fork"):
    pytest.skip("processes cannot be forked here", allow_module_level=True)

PLAN = {
    "task": "prompt-recovery",
    "exam": "bundled",
    "folds": {"n": 3},
    "solvers": ["nearest-neighbours", "constant", "copy"],
    "evaluation": {"embedder": "bundled", "n_resamples": 200},
}
NEIGHBOURS = "llmexam.recovery.recoverers.neighbours:NearestNeighbours"
TASK = "llmexam.tasks.prompt_recovery.task:PromptRecovery"
PIPELINE = "llmexam.workflows.run.pipeline"
# A function, and how many calls of it the run survives.
QUICK_POINTS = [(f"{NEIGHBOURS}.fit", 1), (f"{PIPELINE}:write_text", 0)]
POINTS = [
    (f"{NEIGHBOURS}.recover", 0),
    *(("llmexam.storage.atomic:sync_to_disk", times) for times in range(0, 20, 2)),
    (f"{TASK}.grade", 1),
    (f"{TASK}.compare", 0),
    (f"{PIPELINE}:write_report", 0),
    (f"{PIPELINE}:write_json", 1),
]
# These say when and how long; all else must be the same bytes.
TIMED = {"report.html", "run.json", "progress.json", ".lock"}


def run(folder):
    return run_plan(folder / "plan.yaml", folder / "out")


def kill(folder, target, times):
    """Run until a function has been called so many times; return how the process ended."""
    with warnings.catch_warnings():
        # Of threads, which the child does not use.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        signal.alarm(300)
        kill_at(target, times)
        run(folder)
    finally:
        os._exit(1)


def kill_at(target, times):
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    place = importlib.import_module(module)
    for owner in owners:
        place = getattr(place, owner)
    real, calls = getattr(place, name), []

    def counted(*given, **named):
        calls.append(None)
        if len(calls) > times:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)

    setattr(place, name, counted)


def results(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED and path.parent.name != "stages"
    }


def prepare(folder):
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = prepare(tmp_path_factory.mktemp("whole"))
    run(folder)
    return results(folder / "out")


def check(folder, undisturbed, target, times):
    prepare(folder)
    assert kill(folder, target, times) == -signal.SIGKILL
    left = results(folder / "out")
    whole = {name: content for name, content in left.items() if not name.endswith(".tmp")}
    assert whole.items() <= undisturbed.items(), "a file was half written"
    content = run(folder)
    found = results(folder / "out")
    assert {name for name in found if not name.endswith(".tmp")} == undisturbed.keys()
    assert undisturbed.items() <= found.items()
    assert {"metrics.json", "submission.csv", "answers/constant.json"} <= undisturbed.keys()
    return content


@pytest.mark.parametrize(("target", "times"), QUICK_POINTS)
def test_a_killed_run_goes_on(tmp_path, undisturbed, target, times):
    content = check(tmp_path, undisturbed, target, times)
    # What was finished before is not computed again.
    kept = {record.name for record in content.stages if record.cached}
    assert kept == (set() if "fit" in target else {f"recover with {name}" for name in NAMES})


NAMES = PLAN["solvers"]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "times"), POINTS)
def test_a_run_killed_anywhere_goes_on(tmp_path, undisturbed, target, times):
    check(tmp_path, undisturbed, target, times)
