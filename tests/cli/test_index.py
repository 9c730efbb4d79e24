import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.index import index
from llmexam.errors import CorpusError, CorruptIndexError, SettingsError

app = typer.Typer()
app.command()(index)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "exam.csv"
    path.write_text("key,prompt,context\na,Why?,Gold is dense. It is soft.\nb,How?,Iron rusts.\n")
    return path


def test_builds_and_says_what_came_of_it(corpus: Path, tmp_path: Path):
    out = tmp_path / "i"
    fields = ("--field", "text=context", "--field", "id=key", "--field", "title=prompt")
    result = run(corpus, "--out", out, *fields, "--chunk-tokens", 3, "--overlap", 0)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{out}: 3 passages (sparse); wrote 3 from 2 documents")
    assert result.stderr == ""


def test_adds_and_deletes(corpus: Path, tmp_path: Path):
    out = tmp_path / "i"
    fields = ("--field", "id=key")
    assert run(corpus, "-o", out, *fields, "--no-chunk", "--json").exit_code == 0
    added = json.loads(run(corpus, "-o", out, *fields, "--add", "--json").stdout)
    assert (added["n_written"], added["n_passages"]) == (2, 2)
    ids = tmp_path / "ids.txt"
    ids.write_text("a\n")
    assert run("-o", out, "--delete-ids", ids).stdout == "deleted 1 passages\n"
    assert json.loads(run("-o", out, "--delete-ids", ids, "--json").stdout) == {"n_deleted": 0}


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (("c.csv",), SettingsError, "--out is missing"),
        (("-o", "i"), SettingsError, "no corpus"),
        (("c.csv", "-o", "i"), CorpusError, "file or folder not found"),
        (("c.csv", "-o", "i", "--field", "context"), SettingsError, "such as text=context"),
        (("c.csv", "-o", "i", "--field", "text=a", "--field", "text=b"), SettingsError, "twice"),
        (("c.csv", "-o", "i", "--field", "txt=a"), SettingsError, "Did you mean 'text'"),
        (("c.csv", "-o", "i", "--format", "pdf"), SettingsError, "format"),
        (("c.csv", "-o", "i", "--overlap", "200"), SettingsError, "overlap"),
        (("c.csv", "-o", "i", "--delete-ids", "x"), SettingsError, "cannot be combined"),
    ],
)
def test_errors_reach_the_top(
    arguments: tuple[str, ...],
    error: type[Exception],
    match: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert match in str(result.exception)
    assert not (tmp_path / "i").exists()


def test_verify_reads_an_index_and_names_damage(corpus: Path, tmp_path: Path):
    out = tmp_path / "i"
    assert run(corpus, "--out", out).exit_code == 0
    told = run("--verify", "--out", out)
    assert (told.exit_code, told.stdout) == (0, f"{out}: 2 passages, no damage found\n")
    assert json.loads(run("--verify", "--out", out, "--json").stdout) == {"n_passages": 2}
    assert isinstance(run(corpus, "--verify", "--out", out).exception, SettingsError)
    (file,) = (out / "tantivy").glob("*.idx")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert isinstance(run("--verify", "--out", out).exception, CorruptIndexError)
