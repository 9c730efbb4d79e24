"""The command `serve`: what is refused before it serves, and the static site."""

import pytest
from tests.cli.in_process import llmexam


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "expected a folder"),
        ([".", "--host", "no such host"], "cannot listen on host"),
        ([".", "--allow-host", "http://a.org/"], "expected a host name"),
        ([".", "--token-file", "none"], "cannot read the token"),
        ([".", "--labels", "labels.jsonl"], "one --labels file for each --label"),
        ([".", "--label", "none.jsonl"], "none.jsonl"),
    ],
)
@pytest.mark.needs("serve")
def test_bad_options_are_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = llmexam("serve", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.needs("serve")
def test_a_static_site_is_written(tmp_path):
    (tmp_path / "runs").mkdir()
    result = llmexam("serve", tmp_path / "runs", "--export", tmp_path / "site")
    assert result.returncode == 0, result.stderr
    assert "0 runs" in result.stdout
    assert (tmp_path / "site" / "index.html").is_file()
