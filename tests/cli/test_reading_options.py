"""Options of reading an exam, which all commands share."""

import json

import pytest
from tests.cli.in_process import llmexam

ROWS = ["Frage;x1;x2;x3;key", "Which gas?;neon;helium;argon;2", "Who?;a;bb;ccc;3", "Why?;a;bb;;1"]
FIELDS = ("--field", "prompt=Frage", "--field", "options=x1,x2,x3", "--field", "answer=key")


@pytest.fixture
def exam(tmp_path):
    path = tmp_path / "exam.csv"
    path.write_text("\n".join(ROWS))
    return path


def test_solve_and_evaluate_read_alike(exam, tmp_path):
    sampled = (exam, *FIELDS, "--sample", "2", "--seed", "1")
    out = tmp_path / "s.csv"
    solved = llmexam("solve", *sampled, "--solver", "longest", "--submission", out)
    assert solved.returncode == 0, solved.stderr
    assert "note: " in solved.stderr
    assert "indices that count from 1" in solved.stderr
    graded = llmexam("evaluate", *sampled[:1], out, *sampled[1:], "--json")
    assert json.loads(graded.stdout)["n_items"] == 2
    assert llmexam("evaluate", exam, out, *FIELDS).returncode == 2


def test_convert_writes_what_was_read(exam, tmp_path):
    out = tmp_path / "out.jsonl"
    assert llmexam("convert", exam, out, *FIELDS, "--limit", "1").returncode == 0
    record = json.loads(out.read_text())
    assert (record["prompt"], record["answer"]) == ("Which gas?", "B")


def test_faulty_rows_are_skipped_and_counted(exam, tmp_path):
    exam.write_text("\n".join([*ROWS, "What?;a;;;1", "When?;a;b;c;9"]))
    refused = llmexam("solve", exam, *FIELDS, "--answer-base", "1")
    assert refused.returncode == 2
    assert "2 of 5 rows are faulty" in refused.stderr
    assert "--on-faulty skip" in refused.stderr
    plan = {
        "exam": {
            "path": str(exam),
            "fields": {"prompt": "Frage", "options": ["x1", "x2", "x3"], "answer": "key"},
            "answer_base": 1,
            "on_faulty": "skip",
        },
        "solvers": ["longest"],
    }
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    assert llmexam("run", tmp_path / "plan.yaml", "--out", tmp_path / "run").returncode == 0
    described = json.loads((tmp_path / "run" / "run.json").read_text())["exam"]
    assert (described["n_questions"], described["n_skipped"]) == (3, 2)
    assert "2 faulty rows were left out" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("command", ["audit", "estimate", "compare", "ensemble", "search"])
def test_every_command_that_reads_an_exam_has_the_options(command):
    shown = llmexam(command, "--help").stdout
    for option in ("--field", "--answer-base", "--on-faulty", "--encoding", "--format"):
        assert option in shown


def test_options_of_multiple_choice_are_refused_for_rewritten_texts(tmp_path):
    path = tmp_path / "rewrites.csv"
    path.write_text("id,original_text,rewritten_text,rewrite_prompt\n1,a b c,d e f,Do it.\n")
    result = llmexam("audit", path, "--answer-base", "1")
    assert result.returncode == 2
    assert "--answer-base is for multiple-choice exams" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--answer-base", "2"), "expected 0, 1 or text, got '2'"),
        (("--on-faulty", "drop"), "expected fail or skip, got 'drop'"),
        (("--field", "prompt"), "expected --field NAME=COLUMN"),
        (("--field", "prompt=Frge", "--field", "options=x1,x2"), "Did you mean 'Frage'"),
    ],
)
def test_mistakes_are_told_in_one_line(exam, arguments, words):
    result = llmexam("solve", exam, *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
