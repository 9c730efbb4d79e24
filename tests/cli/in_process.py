"""The command line in the process of the test."""

import contextlib
import functools
import io
import sys
from types import SimpleNamespace

import pytest
import typer.main

from llmexam.__main__ import main

# Typer builds all commands anew at each call, which takes longer than most tests.
typer.main.get_command = functools.cache(typer.main.get_command)


def llmexam(*arguments, cwd="."):
    """Run the command in this process; return its exit code and what it printed."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
        patch.setattr(sys, "argv", ["llmexam", *map(str, arguments)])
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
    return SimpleNamespace(returncode=code, stdout=stdout.getvalue(), stderr=stderr.getvalue())
