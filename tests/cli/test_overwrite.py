import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("command", "workflow"),
    [
        ("run", "llmexam.workflows.run.pipeline.run_plan"),
        ("train", "llmexam.workflows.train.pipeline.train_recipe"),
    ],
)
@pytest.mark.parametrize(
    ("options", "expected"), [([], False), (["--overwrite"], True), (["--fresh"], True)]
)
def test_fresh_is_a_hidden_alias_of_overwrite(
    monkeypatch, tmp_path, command, workflow, options, expected
):
    found = {}

    def stop(*args, **kwargs):
        found.update(kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, stop)
    plan = tmp_path / "file.yaml"
    plan.write_text("exam: bundled\nsolvers: [first]\n")
    result = RUNNER.invoke(app, [command, str(plan), "--out", str(tmp_path / "out"), *options])
    assert found["overwrite"] is expected, result.output
    shown = RUNNER.invoke(app, [command, "--help"]).output
    assert "--overwrite" in shown
    assert "--fresh" not in shown
