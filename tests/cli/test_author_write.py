"""`llmexam author write` on the bundled corpus, with the rules."""

import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.errors import LlmExamError
from llmexam.exam.parsers import read_exam
from llmexam.sample import corpus_path


def run(*arguments):
    return CliRunner().invoke(app, ["author", "write", *map(str, arguments)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "made.jsonl"
    result = run("bundled", "--out", out, "--per-passage", 2, "--keep-rejected")
    assert result.exit_code == 0, result.output
    return out, result.stdout


def test_each_question_is_supported_by_its_quote(made):
    out, printed = made
    exam = read_exam(out)
    assert len(exam) >= 10
    assert f"{len(exam)}  kept" in " ".join(printed.split(" "))
    for question in exam:
        (passage,) = question.passages
        assert question.metadata["quote"] in passage.text
        assert len(set(question.options)) == 5
        notes = json.loads(question.metadata["option_notes"])
        assert [not note for note in notes].index(True) == question.answer
        assert all(note for place, note in enumerate(notes) if place != question.answer)


@pytest.mark.slow
def test_the_same_command_gives_the_same_file(made, tmp_path):
    out, _ = made
    again = tmp_path / "made.jsonl"
    result = run("bundled", "--out", again, "--per-passage", 2, "--json")
    assert again.read_bytes() == out.read_bytes()
    assert json.loads(result.stdout)["kept"] == len(read_exam(out))


def test_a_dry_run_shows_the_cost_and_writes_nothing(tmp_path):
    result = run("bundled", "--out", tmp_path / "made.jsonl", "--dry-run")
    assert "410 passages" in result.stdout
    assert "no cost" in result.stdout
    assert not list(tmp_path.iterdir())


def test_options_reach_the_settings(tmp_path):
    out = tmp_path / "made.jsonl"
    result = run(
        "bundled", "--out", out, "--options", 3, "--style", "number", "--questions", 3, "--seed", 2
    )
    assert result.exit_code == 0, result.output
    exam = read_exam(out)
    assert len(exam) == 3
    assert {len(question.options) for question in exam} == {3}
    assert {question.metadata["style"] for question in exam} == {"number"}


def test_questions_of_other_exams_are_not_repeated(made, tmp_path):
    out, _ = made
    known = tmp_path / "known.jsonl"
    known.write_bytes(out.read_bytes())
    again = tmp_path / "again.jsonl"
    result = run("bundled", "--out", again, "--per-passage", 2, "--against", known)
    assert isinstance(result.exception, LlmExamError)
    assert "no question is left" in str(result.exception)
    account = json.loads((tmp_path / "again.jsonl.report.json").read_text())
    (overlap,) = [one for one in account["filters"] if one["name"] == "overlap"]
    assert overlap["rejected"] >= len(read_exam(out))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "corpus"),
        (("none.jsonl",), "none.jsonl"),
        (("bundled", "--set", "n_option=3"), "n_options"),
        (("bundled", "--style", "poem"), "poem"),
        (("bundled", "--settings", "none.yaml"), "none.yaml"),
        (("bundled", "--base-url", "https://127.0.0.1/v1"), "model"),
    ],
)
def test_wrong_input_is_explained(tmp_path, arguments, words):
    result = run(*arguments, "--out", tmp_path / "made.jsonl")
    assert isinstance(result.exception, LlmExamError)
    assert words in str(result.exception)


@pytest.mark.slow
def test_a_killed_run_resumes_with_the_same_result(tmp_path):
    passages = [json.loads(line) for line in corpus_path("bundled").read_text().splitlines()]
    corpus = tmp_path / "corpus.jsonl"
    with corpus.open("w", encoding="utf-8") as file:
        for copy in range(4):
            for one in passages:
                # Other years in each copy, so that its questions are no duplicates.
                text = one["text"].replace("19", f"1{copy}")
                file.write(json.dumps({**one, "id": f"{one['id']}-{copy}", "text": text}) + "\n")
    whole, out = tmp_path / "whole.jsonl", tmp_path / "made.jsonl"
    assert run(corpus, "--out", whole).exit_code == 0
    command = [sys.executable, "-m", "llmexam", "author", "write", corpus, "--out", out]
    drafts = tmp_path / "made.jsonl.drafts"

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (drafts / "drafts-00001.json").exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()

    assert process.wait() < 0
    assert not out.exists()
    n_shards = len(list((tmp_path / "whole.jsonl.drafts").glob("drafts-*.json")))
    stored = {path: path.stat().st_mtime_ns for path in drafts.glob("drafts-*.json")}
    assert 2 <= len(stored) < n_shards
    subprocess.run(command, check=True, capture_output=True)
    assert out.read_bytes() == whole.read_bytes()
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
