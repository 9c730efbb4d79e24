import json

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.compare import compare
from llmexam.errors import SubmissionError
from llmexam.evaluation.results import Comparison

app = typer.Typer()
app.command()(compare)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "100"})


@pytest.fixture
def files(tmp_path):
    exam = tmp_path / "exam.csv"
    rows = [f"{i},Which {i}?,v,w,x,A" for i in range(8)]
    exam.write_text("\n".join(["id,prompt,A,B,C,answer", *rows]) + "\n")
    good, bad = tmp_path / "good[b].csv", tmp_path / "bad.csv"
    good.write_text("id,prediction\n" + "".join(f"{i},A B C\n" for i in range(8)))
    bad.write_text("id,prediction\n" + "".join(f"{i},B A C\n" for i in range(8)))
    return exam, good, bad


def test_both_scores_the_difference_and_the_test_are_shown(files):
    result = run(*files)
    assert result.exit_code == 0
    for text in ("good[b]", "1.0000", "difference", "0.5000", "p value 0.007812"):
        assert text in result.stdout
    assert "all sign flips" in result.stdout
    assert "Of 8 questions, good[b] is better on 8 and bad on 0" in result.stdout
    assert "Minimum detectable difference" in result.stdout


def test_json_is_the_result_and_nothing_else(files):
    result = run(*files, "--json", "--k", 2, "--seed", 3, "--level", 0.9)
    found = Comparison.model_validate(json.loads(result.stdout))
    assert (found.metric.name, found.seed, found.level) == ("map_at_2", 3, 0.9)
    assert found.difference.value == 0.5
    assert found.p_value == pytest.approx(2 / 2**8)


def test_a_submission_of_another_exam_is_refused(files):
    exam, good, bad = files
    bad.write_text("id,prediction\n0,A\n")
    assert isinstance(run(exam, good, bad).exception, SubmissionError)
