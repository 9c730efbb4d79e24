"""The command line as a user meets it: in this process, or in one of its own where it matters."""

import errno
import json
import os
import re
import subprocess
import sys

import pytest
from tests.cli.in_process import llmexam

from llmexam import sample

COMMANDS = [
    *("audit", "compare", "convert", "doctor", "ensemble", "evaluate"),
    *("estimate", "export", "index", "run", "search", "solve", "solvers", "train"),
]
GROUPS = ["recover"]


def llmexam_process(*arguments, cwd=None, stdout=subprocess.PIPE):
    return subprocess.run(
        [sys.executable, "-m", "llmexam", *map(str, arguments)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=cwd,
    )


def test_help_lists_every_command_with_what_it_does():
    shown = llmexam_process("--help").stdout
    for command in (*COMMANDS, *GROUPS):
        assert f" {command} " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = llmexam(command, "--help")
    assert done.returncode == 0
    assert f"llmexam {command}" in done.stdout
    assert "Example" in done.stdout


def test_version():
    assert llmexam_process("--version").stdout.startswith("llmexam 0.")


def test_solve_prints_a_submission_that_evaluate_grades(tmp_path):
    done = llmexam_process("solve", "bundled", "--solver", "longest")
    assert done.stdout.startswith("id,prediction\n0,")
    assert done.stdout.count("\n") == 121
    (tmp_path / "submission.csv").write_text(done.stdout)
    graded = llmexam("evaluate", "bundled", tmp_path / "submission.csv", "--json")
    assert json.loads(graded.stdout)["n_items"] == 120


def test_solve_with_an_index_writes_scores(tmp_path):
    assert llmexam("index", sample.CORPUS_PATH, "--out", tmp_path / "idx").returncode == 0
    done = llmexam(
        *("solve", "bundled", "--index", tmp_path / "idx", "--out", tmp_path / "s.parquet"),
        *("--submission", tmp_path / "s.csv", "--set", "reach=5"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert (tmp_path / "s.parquet").exists()
    assert (tmp_path / "s.csv").read_text().startswith("id,prediction\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve", "no.csv"], "no.csv"),
        (["solve", "bundled", "--solver", "lexial"], "Did you mean 'lexical'"),
        (["solve", "bundled", "--set", "reach"], "key=value"),
        (["solve", "bundled", "--set", "raech=3"], "Did you mean 'reach'"),
        (["solve", "bundled", "--format", "kagle"], "Did you mean 'kaggle'"),
        (["solve", "bundled", "--index", "nowhere"], "nowhere"),
        (["solve", "bundled", "--solver", "no", "--out", "s.csv"], "Name it s.parquet"),
        (["ensemble", "no.parquet", "--out", "s.csv"], "Name it s.parquet"),
        (["run", "no.yaml"], "no.yaml"),
        (["solvers", "longst"], "Did you mean 'longest'"),
        (["evaluate", "bundled", "no.csv"], "no.csv"),
        (["audit", "."], "folder"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(arguments, message, tmp_path):
    done = llmexam(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr


def test_a_wrong_option_exits_with_2():
    done = llmexam("solve", "bundled", "--nonsense")
    assert done.returncode == 2
    assert "--nonsense" in done.stderr


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = llmexam_process("solve", "bundled", "--solver", "first", stdout=full)
    assert done.returncode == 2
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m llmexam solve bundled --solver first | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "id,prediction\n"
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [("solvers",), ("--help",), ("audit", "bundled", "--strict")])
def test_output_that_no_one_reads_is_no_failed_check(arguments):
    end, start = os.pipe()
    os.close(end)
    with os.fdopen(start, "wb") as closed:
        done = llmexam_process(*arguments, stdout=closed)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            "disk quota exceeded: a file was not written",
        ),
        (OSError(errno.EFBIG, "File too large", "x"), "file is too large.* x was not written"),
        (OSError(errno.EIO, "Input/output error", "x"), "error: x: Input/output error"),
        (OSError("x: disk I/O error"), "error: x: disk I/O error"),
        (OSError(errno.ENOLCK, "No locks available"), "No locks available"),
        (MemoryError(), "out of memory: use smaller batches"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 TB\nmore"),
            "of memory.* 1 TB$",
        ),
    ],
)
def test_errors_without_a_file_are_one_line(monkeypatch, error, told):
    def fail(**_):
        raise error

    monkeypatch.setattr("llmexam.cli.app.app", fail)
    done = llmexam("solvers")
    assert done.returncode == 2
    assert re.search(told, done.stderr.removesuffix("\n"))
    assert done.stderr.count("\n") == 1


def test_solvers_are_listed_with_their_settings():
    found = {s["name"]: s for s in json.loads(llmexam("solvers", "--json").stdout)}
    assert set(found) >= {"random", "first", "longest", "lexical", "bi-encoder"}
    assert found["lexical"]["settings"]["reach"]["default"] == 8.0
    assert "reach" in llmexam("solvers", "lexical").stdout


def test_doctor_finds_this_machine_in_order():
    done = llmexam("doctor", "--json")
    checks = {check["subject"]: check for check in json.loads(done.stdout)}
    assert checks["llmexam"]["verdict"] == "ok"
    assert {"machine", "disk", "core", "encoders", "train", "Hugging Face hub"} <= set(checks)
    assert checks["core"]["packages"]["numpy"]
    assert done.returncode == (1 if any(c["verdict"] == "problem" for c in checks.values()) else 0)


def fails_in_one_line(*arguments, named, cwd):
    done = llmexam(*arguments, cwd=cwd)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("- ")]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert named in lines[0]
    assert len(lines[0]) < 3000


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nonsense"], "No such command 'nonsense'. See: "),
        (["solve"], "llmexam solve --help"),
        (["search", "x", "-k", "0"], "'-k'"),
        (["audit", "bundled", "--seed", "-1"], "'--seed'"),
        (["run", "demo", "--nope"], "--nope"),
    ],
)
def test_misuse_of_the_command_line_is_one_line(arguments, named, tmp_path):
    fails_in_one_line(*arguments, named=named, cwd=tmp_path)


def test_what_the_system_refuses_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    first = ("solve", "bundled", "--solver", "first", "--out")
    fails_in_one_line("solve", "x" * 300, named="name too long", cwd=tmp_path)
    fails_in_one_line(*first, "file/x", named="file", cwd=tmp_path)
    fails_in_one_line(*first, ".", named="got a folder", cwd=tmp_path)


def test_a_huge_field_does_not_become_a_huge_message(tmp_path):
    (tmp_path / "s.csv").write_text(f"id,prediction\n{'x' * 1_000_000},A\n")
    fails_in_one_line("evaluate", "bundled", "s.csv", named="no such question", cwd=tmp_path)


def test_an_argument_that_is_not_utf8_is_named(tmp_path):
    fails_in_one_line("solve", "caf\udce9.csv", named="in UTF-8", cwd=tmp_path)


@pytest.mark.slow
def test_a_terminal_that_is_not_utf8_shows_what_it_can(tmp_path):
    (tmp_path / "\u03bd.jsonl").write_text('{"prompt": "p", "options": ["a", "b"]}')
    done = subprocess.run(
        [sys.executable, "-m", "llmexam", "audit", "\u03bd.jsonl"],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert b"\\u03bd.jsonl: 1 question" in done.stdout


def test_json_of_a_run_without_answers(tmp_path):
    (tmp_path / "exam.jsonl").write_text('{"id": "a", "prompt": "p", "options": ["a", "b"]}')
    (tmp_path / "plan.yaml").write_text("exam: exam.jsonl\nsolvers: [first]\n")
    done = llmexam("run", "plan.yaml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is None


def test_what_is_to_become_of_given_passages_is_checked_without_an_index(tmp_path):
    fails_in_one_line("solve", "bundled", "--given", "x", named="keep", cwd=tmp_path)


@pytest.mark.parametrize("command", [("audit", "bundled"), ("convert", "bundled", "x.jsonl")])
def test_the_bundled_exam_goes_by_its_name_everywhere(command, tmp_path):
    assert llmexam(*command, cwd=tmp_path).returncode == 0


def test_an_error_passes_no_commands_to_the_terminal(tmp_path):
    (tmp_path / "s.csv").write_text("id,prediction\n\x1b[31mred,A\n")
    fails_in_one_line("evaluate", "bundled", "s.csv", named="\ufffd[31mred", cwd=tmp_path)


@pytest.mark.parametrize("arguments", [[], ["exam.csv", "--limit", "9h"], ["--help"]])
def test_the_old_name_of_estimate_answers_with_the_new_one(arguments, tmp_path):
    fails_in_one_line("plan", *arguments, named="llmexam estimate --help", cwd=tmp_path)
    assert "\u2502 plan " not in llmexam("--help").stdout
