"""The command lines that README gives for a core install run, in this installation."""

import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# With all extras installed, `make check` runs these commands as part of the README.
pytestmark = [pytest.mark.slow] if find_spec("torch") else []

README = Path(__file__).resolve().parent.parent / "README.md"
INTRODUCTION = "need only the core install"


def core_commands():
    text = README.read_text(encoding="utf-8")
    block = re.search(r"```sh\n(.*?)```", text[text.index(INTRODUCTION) :], re.DOTALL)
    return [shlex.split(line) for line in block[1].splitlines() if line.strip()]


def test_the_commands_for_a_core_install_run(tmp_path):
    commands = core_commands()
    assert {command[1] for command in commands} >= {"audit", "index", "solve", "evaluate"}
    for program, *arguments in commands:
        assert program == "llmexam"
        done = subprocess.run(
            [sys.executable, "-m", "llmexam", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
    assert "MAP@3" in done.stdout
