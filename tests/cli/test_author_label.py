import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.cli.in_process import llmexam

QUESTIONS = [
    {"id": f"q{i}", "prompt": f"Which gas, take {i}?", "options": ["x", "y [b]"], "answer": "A"}
    for i in range(5)
]


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return path


def decide(path, questions, **decisions):
    from llmexam.authoring.labelling.session import Session
    from llmexam.exam.parsers import read_exam

    exam = read_exam(questions)
    for name, each in decisions.items():
        session = Session.resume(exam, path, name, blind=False)
        for place, decision in enumerate(each):
            reasons = ["unclear"] if decision == "reject" else []
            session.decide(place, {"decision": decision, "reasons": reasons})


def test_agreement_is_printed_with_kappa_and_disagreements(questions, tmp_path):
    labels = tmp_path / "labels.jsonl"
    a, r = "accept", "reject"
    decide(labels, questions, ann=[a, a, r, r, a], bob=[a, a, r, a, a], cho=[a, a, a])
    result = llmexam("author", "agreement", labels, "--questions", questions)
    assert result.returncode == 0, result.stderr
    for text in (
        "ann and bob",
        "80.0 %",
        "0.545",
        "Krippendorff's alpha",
        "q3: Which gas, take 3?",
    ):
        assert text in result.stdout
    value = json.loads(llmexam("author", "agreement", labels, "--json").stdout)
    assert [pair["n"] for pair in value["pairs"]] == [5, 3, 3]


def test_accepted_questions_are_exported(questions, tmp_path):
    labels, out = tmp_path / "labels.jsonl", tmp_path / "out.jsonl"
    decide(labels, questions, ann=["accept", "reject", "accept"])
    result = llmexam("author", "label", questions, "--labels", labels, "--export", out)
    assert result.stdout.strip().endswith("2 of 5 questions")
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["q0", "q2"]


def test_bad_input_is_one_line(questions, tmp_path):
    labels = tmp_path / "labels.jsonl"
    for arguments, message in (
        (["label", questions, "--labels", labels], "--labeller"),
        (
            ["label", questions, "--labels", labels, "--export", tmp_path / "o.jsonl"],
            "file not found",
        ),
        (["agreement", labels], "file not found"),
    ):
        result = llmexam("author", *arguments)
        assert result.returncode == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.needs("serve")
@pytest.mark.skipif(sys.platform == "win32", reason="interrupts differ")
def test_the_command_serves_until_it_is_interrupted(questions, tmp_path):
    command = [sys.executable, "-m", "llmexam", "author", "label", str(questions)]
    options = ["--labels", str(tmp_path / "labels.jsonl"), "--labeller", "ann"]
    running = subprocess.Popen(
        command + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout.readline().startswith("0 of 5 questions decided by ann")
        address = running.stdout.readline().split()[1]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=60)
    finally:
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "labels" in out
    token = address.partition("token=")[2]
    assert token
    assert token not in err
    assert not Path(tmp_path / "labels.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.csv", "ends in .jsonl"),
        ("questions.jsonl", "overwrite its own input"),
        ("labels.jsonl", "overwrite its own input"),
    ],
)
def test_an_export_overwrites_nothing(questions, tmp_path, name, message):
    labels = tmp_path / "labels.jsonl"
    decide(labels, questions, ann=["accept"])
    before = {path.name: path.read_bytes() for path in (questions, labels)}

    result = llmexam("author", "label", questions, "--labels", labels, "--export", tmp_path / name)

    assert result.returncode == 2
    assert message in result.stderr
    assert {path.name: path.read_bytes() for path in (questions, labels)} == before
    assert not (tmp_path / "out.csv").exists()


def test_a_text_is_no_file_of_labels(tmp_path):
    (tmp_path / "notes.txt").write_text("Some notes.\nNo labels.\n")

    result = llmexam("author", "agreement", tmp_path / "notes.txt")

    assert result.returncode == 2
    assert "expected labels" in result.stderr
