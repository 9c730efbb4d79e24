import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.ensemble import ensemble
from llmexam.errors import ScoreError, SettingsError
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix

app = typer.Typer()
app.command()(ensemble)

N = 30


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    rows = [f"{i},Which {i}?,v,w,x,{'ABC'[i % 3]}" for i in range(N)]
    path.write_text("\n".join(["id,prompt,A,B,C,answer", *rows]) + "\n")
    return path


@pytest.fixture
def members(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for name, signal in (("strong", 2.0), ("weak", 0.3)):
        values = rng.normal(size=(N, 3))
        values[np.arange(N), np.arange(N) % 3] += signal
        paths.append(tmp_path / f"{name}.parquet")
        write_scores(paths[-1], ScoreMatrix.from_rows([str(i) for i in range(N)], values), {})
    return paths


def test_equal_weights_write_scores_and_a_submission(members, tmp_path):
    result = run(*members, "--out", tmp_path / "o.parquet", "--submission", tmp_path / "s.csv")
    assert result.exit_code == 0, result.exception
    assert result.stdout.count("0.5000") == 2
    assert "MAP@3" not in result.stdout
    assert "Wrote" in result.stdout
    assert len(read_scores(tmp_path / "o.parquet")[0]) == N
    assert len((tmp_path / "s.csv").read_text().splitlines()) == N + 1


def test_fit_then_apply(members, exam, tmp_path):
    weights = tmp_path / "w.json"
    result = run(*members, "--exam", exam, "--fit", "--out-weights", weights, "--folds", 3)
    assert result.exit_code == 0, result.exception
    assert "ensemble, out of fold" in result.stdout
    saved = json.loads(weights.read_text())
    assert saved["weights"]["strong"] > saved["weights"]["weak"]
    assert len(saved["fold_weights"]) == 3
    applied = run(*members, "--exam", exam, "--weights", weights, "--json")
    found = json.loads(applied.stdout)
    assert found["weights"] == pytest.approx(saved["weights"])
    assert "on this exam" in found["warning"]
    warned = run(*members, "--exam", exam, "--weights", weights)
    assert "on this exam" in warned.stderr
    assert "on this exam" not in warned.stdout


@pytest.mark.parametrize(
    "texts", [["strong=3,weak=1"], ["strong=3", "weak=1"], ["strong = 3", " weak=1 "]]
)
def test_weights_on_the_command_line(members, exam, texts):
    options = [part for text in texts for part in ("--weights", text)]
    result = run(*members, "--exam", exam, "--method", "vote", *options, "--json")
    found = json.loads(result.stdout)
    assert found["weights"] == {"strong": 0.75, "weak": 0.25}
    assert found["settings"]["method"] == "vote"
    assert [member["name"] for member in found["members"]] == ["strong", "weak"]
    assert found["evaluation"]["n_items"] == N


def test_members_can_be_named(members, exam):
    result = run(f"a={members[0]}", f"b={members[1]}", "--exam", exam, "--json")
    assert list(json.loads(result.stdout)["weights"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no output requested"),
        (["--out", "o", "--weights", "strong"], "not found"),
        (["--out", "o", "--weights", "strong=1", "--weights", "weak"], "NAME=NUMBER"),
        (["--out", "o", "--weights", "strong=1,strong=2"], "two weights"),
        (["--out", "o", "--weights", "strong=much,weak=1"], "got 'much'"),
        (["--out", "o", "--weights", "strong=1"], "'weak' has no weight"),
        (["--out", "o", "--weights", "strong=nan,weak=1"], "0 or more"),
        (["--out", "o", "--fit", "--weights", "strong=1,weak=1"], "given and fitted"),
        (["--out", "o", "--fit"], "fitting weights needs an exam"),
        (["--out", "o", "--greedy"], "fitting weights needs an exam"),
        (["--out", "o", "--greedy", "--fit"], "exclude each other"),
        (["--out", "o", "--greedy", "--metric", "f1"], "unknown metric 'f1'"),
        (["--out", "o", "--greedy", "--method", "max-probability"], "cannot be fitted"),
        (["--out", "o", "--method", "median"], "got 'median'"),
        (["--out", "o", "--temperature", "0"], "greater than 0"),
        (["--out", "o", "--out-weights", "w"], "no fitted weights"),
    ],
)
def test_what_cannot_be_is_one_clear_error(members, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    result = run(*members, *options)
    assert isinstance(result.exception, SettingsError)
    assert words in str(result.exception)
    assert not (tmp_path / "o").exists()


def test_a_file_that_holds_no_scores_is_named(members, exam):
    result = run(members[0], exam, "--exam", exam)
    assert isinstance(result.exception, ScoreError)
    assert "exam.csv" in str(result.exception)


@pytest.mark.parametrize("metric", ["log-likelihood", pytest.param("map", marks=pytest.mark.slow)])
def test_greedy_then_apply(members, exam, tmp_path, metric):
    weights = tmp_path / "w.json"
    options = ("--greedy", "--metric", metric, "--exam", exam, "--out-weights", weights)
    result = run(*members, *options)
    assert result.exit_code == 0, result.exception
    assert "ensemble, out of fold" in result.stdout
    found = json.loads(run(*members, "--exam", exam, "--greedy", "--json").stdout)
    assert found["weights"]["strong"] > found["weights"]["weak"]
    assert len(found["fold_weights"]) == 5
    applied = json.loads(run(*members, "--exam", exam, "--weights", weights, "--json").stdout)
    assert applied["settings"]["weights"] == pytest.approx(
        json.loads(weights.read_text())["weights"]
    )


def test_each_member_has_its_share_in_the_result(members, exam):
    found = json.loads(run(*members, "--exam", exam, "--json").stdout)
    strong, weak = (found["gains"][name]["difference"] for name in ("strong", "weak"))
    assert strong["value"] > weak["value"]
    assert strong["low"] <= strong["value"] <= strong["high"]
    shown = run(*members, "--exam", exam).stdout
    assert " gain " in shown
    assert f"{strong['value']:+.4f}" in shown
    assert " gain " not in run(*members, "--out", exam.with_name("o.parquet")).stdout


def test_the_largest_probability_can_be_taken(members, exam):
    result = run(*members, "--exam", exam, "--method", "max-probability", "--json")
    assert json.loads(result.stdout)["settings"]["method"] == "max-probability"


@pytest.mark.needs("encoders")
def test_prompts_are_chosen_by_agreement(tmp_path):
    paths = []
    for name, prompt in (("a", "Write a poem."), ("b", "Write poems."), ("c", "Fix the commas.")):
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_text(f"id,rewrite_prompt\n1,{prompt}\n2,{prompt}\n")
    out = tmp_path / "out.csv"
    result = run(*paths, "--embedder", "bundled", "--submission", out)
    assert result.exit_code == 0, result.exception
    assert "agreement" in result.stdout
    assert set(out.read_text().splitlines()[1:]) <= {
        f"{row},Write {what}." for row in (1, 2) for what in ("a poem", "poems")
    }
    found = json.loads(run(*paths, "--embedder", "bundled", "--submission", out, "--json").stdout)
    assert found["submission"] == str(out)
    assert found["n_chosen"].keys() <= {"a", "b"}
    error = run(*paths, "--embedder", "bundled", "--out", tmp_path / "o.parquet").exception
    assert "prompts have no score file" in str(error)
