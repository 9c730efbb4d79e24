"""A prompt recovery with a time limit."""

import csv

import pytest
import yaml

from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.submission import validate_submission
from llmexam.workflows.run.limit.run import run_within
from llmexam.workflows.run.plan import read_plan


@pytest.mark.needs("encoders")
def test_a_recovery_begins_with_the_constant_prompt(tmp_path):
    with (tmp_path / "exam.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "original_text", "rewritten_text"])
        rows.writerows([f"r{7 * n}", f"a text {n}", f"another text {n}"] for n in range(20))
    plan = {"task": "prompt-recovery", "exam": "exam.csv", "solvers": ["copy", "constant"]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    found = run_within(read_plan(tmp_path / "plan.yaml"), tmp_path / "out", 300.0)
    assert found.failures == ()
    versions = [one.members for one in found.limit.versions]
    assert versions == ["baseline constant", "copy", "copy, constant"]
    exam = read_rewrites([tmp_path / "exam.csv"])
    answers = validate_submission(tmp_path / "out" / "submission.csv", exam)
    assert list(answers.values()) == exam.originals, "the first solver of the plan is the result"
