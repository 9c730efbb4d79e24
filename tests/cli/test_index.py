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
        (("c.csv", "-o", "i", "--cluster", "processes"), SettingsError, "--cluster needs --parts"),
        (
            ("c.csv", "-o", "i", "--parts", 2, "--cluster-set", "workers=2"),
            SettingsError,
            "--cluster-set needs --cluster",
        ),
        (
            ("c.csv", "-o", "i", "--replace-part", "part-00000", "--precision", "fp32"),
            SettingsError,
            "--replace-part uses the precision of the index",
        ),
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


def test_an_index_in_parts_is_built_changed_and_verified(tmp_path: Path):
    lines = [json.dumps({"id": f"d{n}", "text": f"Text {n} about gold."}) for n in range(9)]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    (tmp_path / "new.jsonl").write_text(json.dumps({"id": "d0", "text": "Zinc melts."}))
    out = tmp_path / "i"
    done = run(tmp_path / "c.jsonl", "-o", out, "--parts", 3, "--workers", 1, "--no-chunk")
    assert done.stdout.startswith(f"{out}: 9 passages (sparse) in 3 parts; wrote 9 from 9 documen")
    again = run(tmp_path / "c.jsonl", "-o", out, "--parts", 3, "--workers", 1, "--no-chunk")
    assert "in 3 parts, 3 of them from an earlier run; wrote 9" in again.stdout
    added = json.loads(run(tmp_path / "new.jsonl", "-o", out, "--add", "--json").stdout)
    assert (added["n_passages"], added["n_parts"], added["n_written"]) == (9, 4, 1)
    replaced = run(tmp_path / "new.jsonl", "-o", out, "--replace-part", "part-00001", "--json")
    found = json.loads(replaced.stdout)
    # The document was the only one of the fourth part, which is gone.
    assert (found["n_passages"], found["n_parts"]) == (6, 3)
    assert run("-o", out, "--remove-part", "part-00002").stdout == "deleted 3 passages\n"
    assert run("-o", out, "--verify").stdout == f"{out}: 3 passages, no damage found\n"


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("c.csv", "-o", "i", "--add", "--parts", "2"), "--parts cannot be combined with --add"),
        (("c.csv", "-o", "i", "--workers", "2"), "--workers needs --parts"),
        (("-o", "i", "--remove-part", "part-00000", "--verify"), "--remove-part cannot be combin"),
        (("c.csv", "-o", "i", "--remove-part", "part-00000"), "cannot be combined with a corpus"),
        (("c.csv", "-o", "i", "--add", "--replace-part", "part-00000"), "--add cannot be combined"),
    ],
)
def test_options_of_parts_that_exclude_each_other(arguments: tuple[str, ...], match: str):
    result = run(*arguments)
    assert isinstance(result.exception, SettingsError)
    assert match in str(result.exception)


def test_a_part_of_an_index_that_is_not_in_parts(corpus: Path, tmp_path: Path):
    assert run(corpus, "-o", tmp_path / "i").exit_code == 0
    result = run(corpus, "-o", tmp_path / "i", "--replace-part", "part-00000")
    assert "the index is not in parts" in str(result.exception)
