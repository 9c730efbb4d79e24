"""The notebook is run cell by cell, as Kaggle would, on a hidden exam of another size."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llmexam.exam.parsers import read_exam
from llmexam.packing.kaggle import kaggle_names
from llmexam.packing.notebook import (
    INPUT,
    WORKING,
    NotebookPlan,
    code_cells,
    run_command,
    texts_of,
    write_notebook,
)
from llmexam.packing.parts import Part, write_list
from llmexam.retrieval.build import build_index
from llmexam.sample import exam_path

N_SAMPLE, N_TIMES = 5, 20


def a_plan(**values) -> NotebookPlan:
    return NotebookPlan(
        title="Trial",
        pack_id="abc",
        competition="science-exam",
        changes={"exam.limit": None},
        **values,
    )


def test_the_notebook_has_the_form_of_nbformat():
    notebook = write_notebook(a_plan())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    assert kinds == ["markdown", "code", "code", "code", "code"]
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        has_code = cell["cell_type"] == "code"
        assert ("outputs" in cell, "execution_count" in cell) == (has_code, has_code)
    for source in texts_of(notebook):
        compile(source, "cell", "exec")
    json.dumps(notebook)


def test_the_command_gives_the_rest_of_the_time():
    assert "--time-limit" not in run_command(a_plan())
    limited = a_plan(time_limit=32400.0)
    assert '"--time-limit", f"{left}s"' in run_command(limited)
    assert "left = int(32400 - 600 - (time.monotonic() - started))" in code_cells(limited)[2]
    assert '"exam.limit=null"' in run_command(limited)


def hidden_exam(path: Path) -> list[str]:
    """Write a test file 20 times as large as the sample, without answers, ids with gaps."""
    exam = read_exam(exam_path("bundled")).subset(range(N_SAMPLE))
    ids = []
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "prompt", *"ABCDE"])
        number = 7
        for _ in range(N_TIMES):
            for question in exam:
                number += 3 + len(ids) % 5
                ids.append(str(number))
                options = [*question.options, "", ""][:5]
                writer.writerow([number, question.prompt, *options])
    return ids


def test_a_hidden_exam_is_answered_from_a_read_only_pack(tmp_path: Path):
    pack = tmp_path / "input" / "datasets" / "someone" / "llmexam-trial"
    build_index("bundled", pack / "indexes" / "sparse")
    plan = (
        "exam: {path: bundled, limit: 5}\n"
        "evidence: {index: [./indexes/sparse], k: 2}\n"
        "solvers: [lexical]\nevaluation: {positions: false}\n"
    )
    (pack / "plan.yaml").write_text(plan, encoding="utf-8")
    write_list(pack, [Part("indexes", "sparse", "indexes/sparse", 1)], {"id": "abc"})
    # Another data set of the same kind is mounted, too.
    other = tmp_path / "input" / "other"
    other.mkdir()
    (other / "pack.json").write_text('{"id": "other"}', encoding="utf-8")
    competition = tmp_path / "input" / "competitions" / "science-exam"
    competition.mkdir(parents=True)
    ids = hidden_exam(competition / "test.csv")
    (tmp_path / "working").mkdir()
    find, _, run, check = code_cells(a_plan())
    script = "\n".join([find, run, check])
    script = script.replace(f'"{INPUT}"', repr(str(tmp_path / "input")))
    script = script.replace(f'"{WORKING}"', repr(str(tmp_path / "working")))
    for path in pack.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [*read_only(pack), sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(ids)} questions answered" in done.stdout
    with (tmp_path / "working" / "submission.csv").open(newline="", encoding="utf-8") as stream:
        answered = list(csv.DictReader(stream))
    assert [row["id"] for row in answered] == ids
    assert len(ids) == N_SAMPLE * N_TIMES
    assert all(len(row["prediction"].split()) == 3 for row in answered)


def read_only(folder: Path) -> list[str]:
    """Return the start of a command that mounts a folder read-only, where that is permitted."""
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    wrapped = ["unshare", "--mount", "--map-root-user", "sh", "-ec", script, "sh", str(folder)]
    if shutil.which("unshare") is None:
        return []
    tried = subprocess.run([*wrapped, "true"], capture_output=True, check=False)
    return wrapped if tried.returncode == 0 else []


def test_a_missing_submission_is_an_error_and_a_failure_after_one_is_not(tmp_path: Path):
    run = code_cells(NotebookPlan("t", "abc"))[2]
    start = run.index("def take_submission")
    loop = run[start:]
    script = (
        "import shutil, subprocess, sys, time\nfrom pathlib import Path\n"
        f"WORKING = Path({str(tmp_path)!r})\n"
        'result, out = WORKING / "run" / "submission.csv", WORKING / "submission.csv"\n'
        "environment = None\ncommand = [sys.executable, '-c', CODE]\n" + loop
    )
    (tmp_path / "run").mkdir()
    with pytest.raises(RuntimeError, match="no submission: llmexam ended with code 3"):
        exec(script, {"CODE": "raise SystemExit(3)"})
    (tmp_path / "run" / "submission.csv").write_text("id,prediction\n", encoding="utf-8")
    exec(script, {"CODE": "raise SystemExit(1)"})
    assert (tmp_path / "submission.csv").read_text(encoding="utf-8") == "id,prediction\n"


ANSWERS = "id,prediction\n3,A B C\n7,B A C\n"


@pytest.mark.parametrize(
    ("exam", "expected"),
    [
        (b"id,prompt\n7,x\n3,y\n", "2 questions answered"),
        (b"id,prompt\n7,x\n", "WARNING: the submission has other ids"),
        (b"id,prompt\n7,x\n7,x\n3,x\n", "WARNING: the submission has other ids"),
        (b"question_id,prompt\n7,x\n", "there is no column `id`"),
        (b'{"id": 7, "prompt": "x"}\n', "there is no column `id`"),
        (b"id,prompt\n7,caf\xe9\n", "were not compared: 'utf-8'"),
        (b"id,prompt\n7," + b"x" * 200_000, "were not compared: field larger"),
        (b"", "there is no column `id`"),
        (None, "were not compared: [Errno 2]"),
    ],
)
def test_the_check_never_fails_after_a_submission(tmp_path: Path, capsys, exam, expected):
    out, test_file = tmp_path / "submission.csv", tmp_path / "test.csv"
    out.write_text(ANSWERS, encoding="utf-8")
    if exam is not None:
        test_file.write_bytes(exam)
    # llmexam raises this limit; a notebook does not.
    limit = csv.field_size_limit(131_072)
    try:
        exec(code_cells(a_plan())[3], {"out": out, "exam": test_file})
    finally:
        csv.field_size_limit(limit)
    assert expected in capsys.readouterr().out


def test_names_are_derived_from_the_plan():
    assert kaggle_names("My plan_2", None).dataset == "INSERT_USERNAME_HERE/llmexam-my-plan-2"
