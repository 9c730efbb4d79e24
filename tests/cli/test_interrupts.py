import importlib
import os
import signal
import subprocess
import sys

import pytest
from tests.cli.in_process import llmexam

# The command is interrupted as soon as it does what is named here.
CODE = """
import importlib, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["llmexam", *sys.argv[1:]]
module, name = {target!r}.split(":")
def stop(*given, **named):
    os.kill(os.getpid(), signal.SIGINT)
setattr(importlib.import_module(module), name, stop)
from llmexam.__main__ import main
main()
"""
GOES_ON = "run the same command again to resume"
SOLVE = "llmexam.workflows.solve:solve"


CASES = [
    ("llmexam.workflows.run.pipeline:run_plan", ["run", "demo"], f"interrupted; {GOES_ON}"),
    (
        "llmexam.workflows.train.pipeline:train_recipe",
        ["train", "r.yaml", "--overwrite"],
        "interrupted; run the same command without --overwrite again to resume",
    ),
    (
        "llmexam.workflows.train.pipeline:dry_run",
        ["train", "r.yaml", "--dry-run"],
        "interrupted",
    ),
    (SOLVE, ["solve", "bundled", "--solver", "longest"], "interrupted"),
    (
        SOLVE,
        ["solve", "bundled", "--solver", "openai"],
        "interrupted; completed answers are cached; run the same command again to resume",
    ),
    ("llmexam.workflows.audit:audit", ["audit", "bundled"], "interrupted"),
    (
        "llmexam.workflows.recover:recover_prompts",
        ["recover", "predict", "bundled", "--recoverer", "copy"],
        "interrupted",
    ),
]


@pytest.mark.parametrize(("target", "arguments", "line"), CASES)
def test_an_interrupt_is_told_in_one_line(tmp_path, monkeypatch, target, arguments, line):
    module, name = target.split(":")

    def stop(*given, **named):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(importlib.import_module(module), name, stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = llmexam(*arguments, cwd=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (found.returncode, found.stderr) == (130, f"{line}\n")


@pytest.mark.parametrize(
    ("target", "arguments", "line"),
    [CASES[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[1:])],
)
def test_a_process_that_is_interrupted_ends_with_130(tmp_path, target, arguments, line):
    code = CODE.format(target=target)
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (130, f"{line}\n")
