import json

from tests.cli.in_process import llmexam

from llmexam.recovery.recoverers.regressor import RegressorSettings


def test_solvers_and_recoverers_are_listed_by_task():
    shown = llmexam("solvers").stdout
    choice, recovery = shown.split("prompt-recovery\n")
    assert choice.startswith("multiple-choice\n")
    assert "lexical" in choice
    assert "regressor" in recovery
    lines = {line.split()[0]: line for line in recovery.splitlines() if line.strip()}
    assert "yes" in lines["nearest-neighbours"]
    assert "llmexam[encoders]" in lines["mean-prompt"]
    assert "yes" not in lines["copy"]
    assert "evidence" not in lines["name"]


def test_one_recoverer_shows_its_settings():
    shown = llmexam("solvers", "constant").stdout
    assert shown.startswith("constant: answers every row with the same prompt")
    assert '"Improve the text to this."' in shown
    (found,) = json.loads(llmexam("solvers", "regressor", "--json").stdout)
    assert (found["task"], found["is_fitted"], found["needs"]) == (
        *("prompt-recovery", True, "encoders"),
    )
    assert found["settings"]["alpha"]["default"] == RegressorSettings().alpha


def test_one_task_only():
    found = json.loads(llmexam("solvers", "--task", "prompt-recovery", "--json").stdout)
    assert {one["task"] for one in found} == {"prompt-recovery"}
    wrong = llmexam("solvers", "regresor")
    assert (wrong.returncode, "Did you mean 'regressor'?" in wrong.stderr) == (2, True)
    wrong = llmexam("solvers", "--task", "prompts")
    assert (wrong.returncode, "unknown task 'prompts'" in wrong.stderr) == (2, True)
