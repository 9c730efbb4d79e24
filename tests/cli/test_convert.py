import json

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.convert import convert
from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

app = typer.Typer()
app.command()(convert)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    rows = "".join(f"q{i},What{i}?,x,y,{'AB'[i % 2]},c{i}\n" for i in range(10))
    path.write_text("id,prompt,A,B,answer,context\n" + rows)
    return path


def test_writes_and_says_where_and_what_was_lost(exam, tmp_path):
    result = run(exam, tmp_path / "out.json")
    assert result.exit_code == 0
    assert f"{tmp_path / 'out.json'}: 10 questions (all, alpaca)" in result.stdout
    assert "cannot store ids, passages" in result.stderr
    assert len(read_exam(tmp_path / "out.json")) == 10


def test_options_reach_the_workflow(exam, tmp_path):
    arguments = ("--to", "jsonl", "--split", "0.6,0.4", "--stratify", "none", "--seed", "3")
    result = run(exam, tmp_path / "out.txt", *arguments, "--json")
    parts = json.loads(result.stdout)["parts"]
    assert [(part["name"], part["n_questions"]) for part in parts] == [("train", 6), ("test", 4)]
    assert len(read_exam(tmp_path / "out-train.txt")) == 6


def test_folds_and_force(exam, tmp_path):
    assert run(exam, tmp_path / "o.csv", "--folds", 2).exit_code == 0
    again = run(exam, tmp_path / "o.csv", "--folds", 2)
    assert isinstance(again.exception, ExamError)
    assert run(exam, tmp_path / "o.csv", "--folds", 2, "--force").exit_code == 0


def test_rewrites_are_split_by_prompt(tmp_path):
    result = run("bundled", tmp_path / "o.csv", "--task", "prompt-recovery", "--split", "0.8,0.2")
    assert result.exit_code == 0
    assert f"{tmp_path / 'o-train.csv'}: 48 rows (train, csv)" in result.stdout
    assert f"{tmp_path / 'o-test.csv'}: 12 rows (test, csv)" in result.stdout
