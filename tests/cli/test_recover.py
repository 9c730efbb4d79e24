import csv
import json
from itertools import islice

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.errors import LlmExamError
from llmexam.sample import REWRITES_PATH


def llmexam(*arguments):
    return CliRunner().invoke(app, ["recover", *map(str, arguments)])


def test_a_prediction_is_checked_and_graded(tmp_path):
    out = tmp_path / "s.csv"
    assert llmexam("predict", "bundled", "--recoverer", "constant", "--out", out).exit_code == 0
    checked = llmexam("evaluate", "bundled", out, "--check")
    assert "60 prompts, valid submission" in checked.output
    arguments = ("evaluate", "bundled", out, "--embedder", "bundled", "--resamples", "100")
    graded = json.loads(llmexam(*arguments, "--json").stdout)
    assert graded["n_items"] == 60
    first = graded["metrics"][0]
    assert first["name"] == "sharpened_cosine"
    assert first["estimate"]["value"] == pytest.approx(
        first["baselines"]['"Improve the text to this."']
    )
    shown = llmexam(*arguments).output
    assert "s: 60 rows" in shown
    assert "lift over the best constant" in shown


@pytest.mark.slow
def test_a_recoverer_learns_from_other_rows(tmp_path):
    few = tmp_path / "few.csv"
    with (
        REWRITES_PATH.open(encoding="utf-8", newline="") as whole,
        few.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows(islice(csv.reader(whole), 9))
    done = llmexam("predict", few, "--train", few, "--set", "bank=bundled")
    assert done.exit_code == 0
    assert done.stdout.startswith("id,rewrite_prompt\n1,")


def test_the_mean_prompt_is_scored_on_rows_that_were_kept_back():
    few = ("--set", "n_steps=1", "--set", "n_proposals=50")
    done = llmexam("search-mean", "bundled", *few)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("step  0  0.")
    assert "rows with other prompts" in done.output
    assert "other prompts" not in llmexam("search-mean", "bundled", "--no-hold-out", *few).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "bundled", "--recoverer", "regresor"], "Did you mean 'regressor'"),
        (["predict", "bundled"], "--train FILE"),
        (["predict", "none.csv"], "none.csv"),
        (["predict", "bundled", "--field", "text"], "--field NAME=COLUMN"),
        (["predict", "bundled", "--recoverer", "constant", "--set", "txt=1"], "'text'"),
        (["evaluate", "bundled", "none.csv", "--embedder", "bundled"], "none.csv"),
        (["search-mean", "bundled", "--set", "beams=3"], "'beam'"),
    ],
)
def test_mistakes_are_named(arguments, message):
    done = llmexam(*arguments)
    assert isinstance(done.exception, LlmExamError)
    assert message in str(done.exception)


def other_columns(path):
    """Write the sample with another name of a column."""
    text = REWRITES_PATH.read_text(encoding="utf-8")
    path.write_text(text.replace("original_text", "before", 1), encoding="utf-8")
    return path


@pytest.mark.slow
def test_columns_are_mapped_in_training_rows_too(tmp_path):
    rows = other_columns(tmp_path / "rows.csv")
    field = ("--field", "original_text=before")
    arguments = ("predict", rows, "--train", rows, "--recoverer", "nearest-neighbours")
    assert llmexam(*arguments, *field).exit_code == 0
    few = ("--no-hold-out", "--set", "n_steps=1", "--set", "n_proposals=2")
    assert llmexam("search-mean", rows, *field, *few).exit_code == 0


def test_an_output_that_cannot_be_written_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr("llmexam.workflows.recover.recover_prompts", None)
    done = llmexam("predict", "bundled", "--recoverer", "copy", "--out", tmp_path)
    assert isinstance(done.exception, IsADirectoryError)


def test_a_mean_prompt_of_one_group_needs_all_rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,original_text,rewritten_text,rewrite_prompt\n1,One.,Two.,Count.\n")
    done = llmexam("search-mean", path)
    assert "--no-hold-out" in str(done.exception)
