"""Worth of solvers from the metrics of an earlier run."""

import json

import pytest

from llmexam.tasks.limited import values_of_run
from llmexam.workflows.run.pipeline import run_plan
from workflows.run.limit.conftest import write_exam, write_plan


@pytest.fixture
def earlier(tmp_path):
    write_exam(tmp_path, 12)
    run_plan(write_plan(tmp_path, "longest", "lexical"), tmp_path / "earlier")
    return tmp_path / "earlier"


def test_chance_and_values_are_negated_where_lower_is_better(earlier):
    values, chance = values_of_run(earlier)
    assert chance > 0
    path = earlier / "metrics.json"
    metrics = json.loads(path.read_text())
    graded = [metrics["final"], *(one["evaluation"] for one in metrics["solvers"].values())]
    for one in graded:
        one["metrics"][0]["higher_is_better"] = False
    path.write_text(json.dumps(metrics))
    assert values_of_run(earlier) == ({name: -value for name, value in values.items()}, -chance)
