"""`--cluster` and `--cluster-set`."""

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.cli.clusters import chosen_cluster, cluster_settings
from llmexam.errors import SettingsError


def test_settings_come_from_the_options_alone(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert cluster_settings(None, None) is None
    found = cluster_settings("10.0.0.2:6379", ["gpus_per_worker=0.5", "attempts=2"], workers=8)
    assert (found.address, found.workers) == ("10.0.0.2:6379", 8)
    assert (found.gpus_per_worker, found.attempts) == (0.5, 2)
    assert cluster_settings("local", ["workers=3"], workers=8).workers == 3


@pytest.mark.parametrize(
    ("address", "changes", "message"),
    [
        (None, ["workers=2"], "needs --cluster"),
        ("local", ["worker=2"], "Did you mean 'workers'"),
        ("local", ["workers=0"], "workers"),
        ("auto", [], "--cluster.*HOST:PORT, got 'auto'"),
        ("local", ["workers"], "expected --cluster-set key=value"),
    ],
)
def test_wrong_settings_are_told(address, changes, message):
    with pytest.raises(SettingsError, match=message):
        cluster_settings(address, changes)


def test_nothing_is_started_before_a_shard_needs_it(capsys):
    with chosen_cluster("10.255.255.1:1", []) as cluster:
        assert cluster is not None
    assert capsys.readouterr().err == ""


def test_solve_tells_workers_and_shards(tmp_path):
    out = tmp_path / "s.parquet"
    result = CliRunner().invoke(
        app, ["solve", "bundled", "--out", str(out), "--cluster", "processes", "--workers", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "connected to processes of this machine: 1 worker" in result.stderr
    assert "1 shard: 0 reused, 1 computed by 1 worker" in result.stderr
    assert out.is_file()
