import json

import pytest
import typer
from typer.testing import CliRunner

from llmexam.cli.audit import audit
from llmexam.errors import ExamError, SettingsError

HEADER = "id,prompt,A,B,answer\n"
app = typer.Typer()
app.command()(audit)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text(HEADER + "0,What is [bold]it[/bold]?,x,x,A\n1,Why?,x,y,B\n")
    return path


def test_shows_findings_in_words(exam):
    result = run(exam)
    assert result.exit_code == 0
    assert "2 questions" in result.stdout
    assert "A 50.0%  B 50.0%" in result.stdout
    assert "error" in result.stdout
    assert "errors: 1, warnings: 0, notes: 0" in result.stdout


def test_strict_fails_on_findings_and_passes_without(exam, tmp_path):
    assert run(exam, "--strict").exit_code == 1
    clean = tmp_path / "clean.csv"
    clean.write_text(HEADER + "0,What?,x,y,A\n")
    result = run(clean, "--strict")
    assert result.exit_code == 0
    assert "No findings." in result.stdout


def test_json_is_all_there_is(exam):
    result = run(exam, "--json", "--strict", "--against", exam)
    value = json.loads(result.stdout)
    assert result.exit_code == 1
    assert value["findings"][0]["check"] == "repeated options"
    assert [overlap["other_row"] for overlap in value["overlaps"]] == [1, 2]


def test_long_row_lists_are_cut_and_counted(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text(HEADER + "".join(f"{i},What{i}?,x,x,A\n" for i in range(12)))
    assert "(12)" in run(path).stdout


def test_bad_input_is_an_error(tmp_path):
    assert isinstance(run(tmp_path / "no.csv").exception, ExamError)


REWRITES = "id,original_text,rewritten_text,rewrite_prompt\n"


@pytest.fixture
def rewrites(tmp_path):
    path = tmp_path / "rewrites.csv"
    path.write_text(f"{REWRITES}1,The cat sat.,Sure: O cat!,Make it a poem.\n2,a,,c\n")
    return path


def test_rewrites_are_known_by_their_columns(rewrites, tmp_path):
    train = tmp_path / "train.csv"
    train.write_text(f"{REWRITES}7,The cat sat.,x,Make this into a poem\n")
    result = run(rewrites, "--train", train, "--strict")
    assert result.exit_code == 1
    assert "1 row, 1 distinct prompt in 1 group of near-equal ones" in result.stdout
    assert "errors: 1, warnings: 2, notes: 1" in result.stdout
    found = json.loads(run(rewrites, "--train", train, "--json").stdout)
    assert {one["check"] for one in found["findings"]} == {
        *("invalid rows", "preambles", "texts in training data", "prompts in training data"),
    }


def test_columns_of_rewrites_can_have_other_names(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("before,after\na b,c d\n")
    assert isinstance(run(path).exception, ExamError)
    fields = ("--field", "original_text=before", "--field", "rewritten_text=after")
    assert "1 row, prompts not known" in run(path, "--task", "prompt-recovery", *fields).stdout
    wrong = run(path, "--task", "multiple-choice", *fields)
    assert "unknown field 'original_text'" in str(wrong.exception)


def test_options_of_another_task_are_refused(rewrites):
    assert "has no setting 'near_threshold'" in str(
        run(rewrites, "--near-threshold", "0.5").exception
    )


def test_items_of_several_exams_side_by_side(exam, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(HEADER + "0,Which is long?,a long option,x,A\n1,And this?,x,a long one,B\n")
    page = tmp_path / "items.html"
    result = run(other, exam, "--items", "--solver", "longest", "--report", page)
    assert result.exit_code == 0, result.output
    assert "longest option" in result.stdout
    assert "exam" in result.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    result = run(other, "--items", "--solver", "longest", "--json", "--strict")
    value = json.loads(result.stdout)
    assert value["exams"][0]["tells"][0]["accuracy"]["value"] == 1.0
    assert run(exam, "--items", "--solver", "longest", "--strict").exit_code == 1


@pytest.mark.parametrize(
    "arguments", [["--solver", "lexical"], ["--report", "x.html"], ["exam.csv"]]
)
def test_options_of_the_item_analysis_need_it(exam, arguments):
    result = run(exam, *arguments)
    assert isinstance(result.exception, SettingsError)
    assert "--items" in str(result.exception)


def test_flaws_are_reported_on_request(tmp_path, rewrites):
    path = tmp_path / "flawed.csv"
    path.write_text(HEADER.replace("B,", "B,C,") + "0,What is green?,grass,sky,all of these,A\n")
    assert "all-of-the-above" not in run(path, "--json").stdout
    found = json.loads(run(path, "--flaws", "--json").stdout)["findings"]
    (one,) = [finding for finding in found if finding["check"] == "flaw: all-of-the-above"]
    assert (one["severity"], one["rows"]) == ("warning", [1])
    assert "has no setting 'flaws'" in str(run(rewrites, "--flaws").exception)
