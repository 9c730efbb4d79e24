"""The notebook that installs a pack and runs its plan without a network, as nbformat 4.5."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INPUT = "/kaggle/input"
"""Where Kaggle mounts datasets and competition files, read-only."""
WORKING = "/kaggle/working"
"""Where a notebook on Kaggle writes; `submission.csv` is taken from here."""


_MOST_RESERVED = 600.0


@dataclass(frozen=True)
class NotebookPlan:
    """What the notebook runs.

    Attributes:
        title: Title of the notebook.
        pack_id: Identity of the pack, which tells it from other mounted datasets.
        competition: Slug of the competition, or empty: then the plan's own exam is run.
        test_file: Name of the competition's test file.
        time_limit: Time that the whole notebook may take, in seconds; None for no limit.
        changes: Keys of the plan to change for the test file, such as `exam.limit`.
    """

    title: str
    pack_id: str
    competition: str = ""
    test_file: str = "test.csv"
    time_limit: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reserve(self) -> float:
        """Part of the time limit that is kept for the end of the notebook, in seconds."""
        return min(_MOST_RESERVED, (self.time_limit or 0.0) / 10)


def run_command(plan: NotebookPlan) -> str:
    """Return the Python source of the command list that runs the plan.

    The names `PACK`, `WORKING`, `exam` and `left` are those of the notebook.
    """
    parts = [
        '"llmexam"',
        '"run"',
        'str(PACK / "plan.yaml")',
        '"--out"',
        'str(WORKING / "run")',
    ]
    if plan.competition:
        parts += ['"--set"', 'f"exam.path={exam}"']
        for key, value in plan.changes.items():
            parts += ['"--set"', json.dumps(f"{key}={json.dumps(value)}")]
    if plan.time_limit is not None:
        parts += ['"--time-limit"', 'f"{left}s"']
    return "[" + ", ".join(parts) + "]"


def code_cells(plan: NotebookPlan) -> list[str]:
    """Return the sources of the code cells, in order."""
    return [_find(plan), _INSTALL, _run(plan), _check(plan)]


def write_notebook(plan: NotebookPlan) -> dict[str, Any]:
    """Return the notebook as JSON values of nbformat 4.5."""
    about = (
        f"# {plan.title}\n\n"
        "This notebook installs llmexam and its packages from a pack, without a network, and runs "
        "the plan of the pack. It writes `submission.csv`."
    )
    sources = [("markdown", about), *(("code", source) for source in code_cells(plan))]
    return {
        "cells": [_cell(number, kind, source) for number, (kind, source) in enumerate(sources)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(number: int, kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _find(plan: NotebookPlan) -> str:
    lines = [
        "import json, os, shutil, subprocess, sys, time",
        "from pathlib import Path",
        "",
        "started = time.monotonic()",
        f'INPUT, WORKING = Path("{INPUT}"), Path("{WORKING}")',
        "",
        "def find_pack():",
        "    # The place of a dataset below the input folder differs between kinds of mounts.",
        "    for depth in range(1, 6):",
        '        for path in sorted(INPUT.glob("*/" * depth + "pack.json")):',
        f'            if json.loads(path.read_text())["id"] == "{plan.pack_id}":',
        "                return path.parent",
        '    raise FileNotFoundError(f"the pack is not below {INPUT}: add its dataset")',
        "",
        "PACK = find_pack()",
        'listed = json.loads((PACK / "pack.json").read_text())["files"]',
        "wrong = [name for name, facts in listed.items()",
        "         if not (PACK / name).is_file()",
        '         or (PACK / name).stat().st_size != facts["bytes"]]',
        'assert not wrong, f"files of the pack are missing or incomplete: {wrong[:5]}"',
    ]
    if plan.competition:
        lines += [
            "found = [path for depth in range(1, 5)",
            f'         for path in INPUT.glob("*/" * depth + "{plan.test_file}")',
            f'         if "{plan.competition}" in path.parts]',
            f'assert found, "{plan.test_file} of competition {plan.competition} is not mounted"',
            "exam = found[0]",
        ]
    return "\n".join([*lines, 'print("pack:", PACK)'])


_INSTALL = """\
# Dependencies come first in the list, and no package of the image is replaced by an older one.
subprocess.run(
    [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
     "--disable-pip-version-check", "--find-links", str(PACK / "wheels"),
     "--requirement", str(PACK / "requirements.txt")],
    check=True,
)"""


def _run(plan: NotebookPlan) -> str:
    lines = []
    if plan.time_limit is not None:
        lines += [
            f"left = int({plan.time_limit:.0f} - {plan.reserve:.0f} "
            "- (time.monotonic() - started))",
        ]
    lines += [
        # The scripts of the interpreter may not be on the path of the notebook.
        f'command = [sys.executable, "-m", *{run_command(plan)}]',
        'environment = {**os.environ, "HF_HUB_OFFLINE": "1"}',
        'result, out = WORKING / "run" / "submission.csv", WORKING / "submission.csv"',
        "",
        "def take_submission():",
        "    # A rename is atomic: whenever the notebook is stopped, the file is whole.",
        "    state = result.stat().st_mtime_ns if result.is_file() else None",
        "    if state is not None and state != take_submission.state:",
        '        shutil.copyfile(result, out.with_suffix(".part"))',
        '        out.with_suffix(".part").replace(out)',
        "        take_submission.state = state",
        "take_submission.state = None",
        "",
        "process = subprocess.Popen(command, env=environment)",
        "while process.poll() is None:",
        "    take_submission()",
        "    time.sleep(1)",
        "take_submission()",
        # A notebook that fails after a valid submission would lose it.
        "if not out.is_file():",
        '    raise RuntimeError(f"no submission: llmexam ended with code {process.returncode}")',
        "if process.returncode:",
        '    print("llmexam ended with code", process.returncode, "after writing a submission")',
    ]
    return "\n".join(lines)


def _check(plan: NotebookPlan) -> str:
    lines = [
        "import csv",
        "",
        "def ids_of(path):",
        '    with open(path, newline="", encoding="utf-8-sig") as stream:',
        "        reader = csv.DictReader(stream)",
        '        has_ids = "id" in (reader.fieldnames or ())',
        '        return [row["id"] for row in reader] if has_ids else None',
        "",
        # Whatever is wrong here, the submission is written, and a failure would lose it.
        "try:",
        "    answered = ids_of(out)",
    ]
    if plan.competition:
        lines += [
            "    asked = ids_of(exam)",
            "    if answered is None or asked is None:",
            '        print("the ids were not compared: there is no column `id`")',
            "    elif set(asked) != set(answered) or len(asked) != len(answered):",
            '        print("WARNING: the submission has other ids than", exam)',
        ]
    lines += [
        '    print(len(answered or ()), "questions answered:", out)',
        "except (OSError, ValueError, csv.Error) as error:",
        '    print("the ids were not compared:", error)',
    ]
    return "\n".join(lines)


def texts_of(notebook: Mapping[str, Any]) -> Sequence[str]:
    """Return the sources of the code cells of a notebook."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
