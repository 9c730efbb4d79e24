"""A served model in a whole run: what it used is shown, and a second run pays nothing."""

import json

import pytest
import yaml

from llmexam.cli.app import app
from llmexam.workflows.run import run_plan

pytest.importorskip("openai", reason="the extra openai is not installed")


@pytest.fixture
def plan(endpoint, tmp_path):
    served = {"solver": "openai", "model": "tiny", "base_url": endpoint.url, "rotations": 26}
    values = {
        "exam": "bundled",
        "solvers": [{**served, "cache_dir": "answers", "prompt_price": 1.0}],
        "evaluation": {"n_resamples": 100},
    }
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_run_pays_each_request_once_and_shows_what_it_used(endpoint, plan, tmp_path):
    content = run_plan(plan, tmp_path / "run")
    n_paid = sum(endpoint.answered.values())
    # One for each turn of the options; those that the audit of positions asks for are the same.
    assert n_paid == sum(len(question.options) for question in content.exam)
    assert max(endpoint.answered.values()) == 1
    assert content.provenance["usage of openai"].startswith(f"{n_paid} answers asked for; 0 kept")
    record = (tmp_path / "run" / "run.json").read_text()
    assert f"{n_paid} answers asked for" in json.loads(record)["provenance"]["usage of openai"]
    again = run_plan(plan, tmp_path / "run")
    assert again.provenance["usage of openai"] == content.provenance["usage of openai"]
    other = run_plan(plan, tmp_path / "other")
    assert other.provenance["usage of openai"].startswith(f"0 answers asked for; {n_paid} kept")
    assert sum(endpoint.answered.values()) == n_paid
    # No file holds the key: no plan, record, report or answer.
    assert {*endpoint.keys} == {"Bearer sk-very-secret-4711"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.parent == tmp_path / "answers" for path in files)
    assert not any(b"sk-very-secret" in path.read_bytes() for path in files)


def test_the_command_tells_what_was_used(endpoint, tmp_path):
    from typer.testing import CliRunner

    arguments = ["solve", "bundled", "--solver", "openai", "--submission", str(tmp_path / "s.csv")]
    for setting in ("model=tiny", f"base_url={endpoint.url}", f"cache_dir={tmp_path / 'answers'}"):
        arguments += ["--set", setting]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "openai: " in done.stderr
    assert "answers asked for; 0 kept from before" in done.stderr
