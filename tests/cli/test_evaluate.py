import json
import subprocess
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.evaluate import evaluate
from llmexam.errors import ExamError
from llmexam.evaluation.results import Evaluation
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix

app = typer.Typer()
app.command()(evaluate)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    rows = [f'{i},"Which is {"not " * (i % 2)}{i}?",v,w,x,y,z,{"ABCDE"[i % 5]}' for i in range(10)]
    path.write_text("\n".join(["id,prompt,A,B,C,D,E,answer", *rows]) + "\n")
    return path


@pytest.fixture
def submission(tmp_path):
    path = tmp_path / "[red]mine.csv"
    path.write_text("id,prediction\n" + "".join(f"{i},A B C\n" for i in range(10)))
    return path


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.parquet"
    values = np.random.default_rng(0).normal(size=(10, 5))
    write_scores(path, ScoreMatrix.from_rows([str(i) for i in range(10)], values, [True] * 10), {})
    return path


def test_a_submission_is_graded_with_all_that_belongs_beside_it(exam, submission):
    result = run(exam, submission)
    assert result.exit_code == 0
    # Each letter is right twice: (1 + 1/2 + 1/3) / 5.
    for text in ("[red]mine: 10 questions", "0.3667", "MAP@3 of longest", "95.0% interval"):
        assert text in result.stdout
    assert "negated" in result.stdout
    assert "Minimum detectable difference in MAP@3 with 10 questions" in result.stdout
    assert "Calibration" not in result.stdout
    assert "negated" not in run(exam, submission, "--no-slices").stdout


def test_scores_get_their_calibration_and_what_was_cut(exam, scores):
    result = run(exam, scores)
    assert result.exit_code == 0
    assert "Calibration: temperature" in result.stdout
    assert "Context was truncated for 10 questions" in result.stdout


def test_json_is_the_result_and_nothing_else(exam, scores):
    result = run(exam, scores, "--json", "--k", 1, "--seed", 5, "--resamples", 200, "--name", "me")
    found = Evaluation.model_validate(json.loads(result.stdout))
    assert (found.choice.k, found.seed, found.n_resamples, found.name) == (1, 5, 200, "me")
    assert found.primary.estimate.value == found.metric("accuracy").estimate.value


def test_level_is_shown(exam, submission):
    assert "80.0% interval" in run(exam, submission, "--level", 0.8).stdout


def test_options_that_cannot_be_are_refused(exam, submission):
    assert run(exam, submission, "--k", 0).exit_code == 2
    assert run(exam, submission, "--level", 95).exit_code == 2


def test_the_command_prints_one_line_for_bad_input(exam, tmp_path):
    (tmp_path / "bad.csv").write_text("id,prediction\n0,F\n")
    result = run(exam, tmp_path / "bad.csv")
    assert isinstance(result.exception, ExamError)
    done = subprocess.run(
        [sys.executable, "-m", "llmexam", "evaluate", str(exam), str(tmp_path / "bad.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "bad.csv row 1 field 'prediction'" in done.stderr


def test_a_submission_can_be_checked_without_answers(exam, submission, tmp_path):
    unlabelled = tmp_path / "unlabelled.csv"
    rows = [line.rsplit(",", 1)[0] for line in exam.read_text().splitlines()]
    unlabelled.write_text("\n".join(rows) + "\n")
    result = run(unlabelled, submission, "--check")
    assert result.exit_code == 0
    assert "10 predictions" in result.stdout
    submission.write_text(submission.read_text().replace("3,A B C", "3,A A C"))
    result = run(unlabelled, submission, "--check")
    assert result.exit_code == 1
    assert "row 4 field 'prediction': question '3': expected distinct letters, got 'A A C'" in str(
        result.exception
    )


def test_a_submission_of_prompts_is_validated(tmp_path):
    exam, submission = tmp_path / "rewrites.csv", tmp_path / "s.csv"
    exam.write_text("id,original_text,rewritten_text\n1,a,b\n2,c,d\n")
    submission.write_text("id,rewrite_prompt\n2,x\n1,y\n")
    result = run(exam, submission, "--check")
    assert f"{submission}: 2 predictions, valid submission" in result.stdout
    submission.write_text("id,rewrite_prompt\n2,x\n1,NaN\n")
    assert "row 2 field 'rewrite_prompt'" in str(run(exam, submission, "--check").exception)
    assert "prompt of this row is not known" in str(run(exam, submission).exception)


@pytest.mark.needs("encoders")
def test_prompts_are_graded(tmp_path):
    submission = tmp_path / "s.csv"
    submission.write_text(
        "id,rewrite_prompt\n" + "".join(f"{i},Write a poem.\n" for i in range(1, 61))
    )
    quick = ("--task", "prompt-recovery", "--embedder", "bundled", "--resamples", 100)
    shown = run("bundled", submission, *quick).stdout
    assert "s: 60 rows" in shown
    assert "sharpened cosine, cleaned" in shown
