"""Brackets in titles, names, paths and errors are printed; rich does not take them for markup."""

import ast
import re
from pathlib import Path

import pytest
import typer
from rich.progress import Progress
from typer.testing import CliRunner

from llmexam.cli.app import app
from llmexam.cli.console import plain_console
from llmexam.cli.progress import question_progress

SOURCE = Path(__file__).resolve().parents[2] / "src" / "llmexam"
TAG = re.compile(r"\[[a-z#/@][^\[]*?\]")

# Both would be markup: the first is dropped, the second is an error of its own.
NAMES = ["[bold]", "[/red]"]


def invoke(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None, done.exception
    return done.output


@pytest.fixture
def two_predictions(tmp_path):
    files = []
    for name, solver in zip(("[bold]a", "b[red]"), ("first", "longest"), strict=True):
        files.append(tmp_path / f"{name}.parquet")
        invoke("solve", "bundled", "--solver", solver, "--out", files[-1])
    return files


def test_names_with_brackets_are_printed(two_predictions, tmp_path):
    a, b = two_predictions
    compared = invoke("compare", "bundled", a, b, "--resamples", 100)
    assert compared.count("[bold]a") == 2
    assert compared.count("b[red]") == 2
    combined = invoke("ensemble", a, b, "--out", tmp_path / "[i]c.parquet")
    assert "[bold]a" in combined
    assert "[i]c.parquet" in combined.replace("\n", "")
    graded = invoke("evaluate", "bundled", a, "--name", "[dim]x", "--resamples", 100)
    assert "[dim]x: 120 questions" in graded


def test_texts_with_brackets_are_printed(tmp_path):
    (tmp_path / "c.jsonl").write_text('{"id": "[b]", "text": "see [a] and :smile:"}\n')
    invoke("index", tmp_path / "c.jsonl", "--out", tmp_path / "index")
    found = invoke("search", tmp_path / "index", "see [a]")
    assert "see [a] and :smile:" in found
    assert "[b]" in found


def test_a_training_with_brackets_in_its_title_is_printed(capsys):
    from llmexam.report.terminal_parts import plain_text, show, text_table

    table = text_table("[bold]t", "[red]h")
    table.add_row(plain_text("[a]"))
    show(plain_console(), [table])
    shown = capsys.readouterr().out
    assert "[bold]t" in shown
    assert "[red]h" in shown
    assert "[a]" in shown


@pytest.mark.parametrize("name", NAMES)
def test_a_progress_bar_shows_brackets(name):
    with question_progress(plain_console(stderr=True), name) as progress:
        progress(1, 2)
    console = plain_console(stderr=True)
    with console.capture() as shown:
        console.print(name)
    assert shown.get() == f"{name}\n"


def test_a_setting_with_brackets_in_its_default_is_printed(monkeypatch):
    from llmexam.workflows import solvers
    from llmexam.workflows.solvers import SolverInfo

    info = SolverInfo(
        "x", "s [b]", False, "", True, "", {"k": {"default": [None], "description": "[a]"}}
    )
    monkeypatch.setattr(solvers, "list_solvers", lambda task: [info])
    assert "x: s [b]" in invoke("solvers", "x")
    assert "[null]" in invoke("solvers", "x")
    assert "s [b]" in invoke("solvers")


def test_help_has_no_text_that_rich_would_drop():
    group = typer.main.get_command(app)
    texts = [group.help]
    for command in group.commands.values():
        texts += [command.help, *(getattr(p, "help", "") for p in command.params)]
    assert [text for text in texts if TAG.search(text or "")] == []


@pytest.mark.slow
def test_every_console_and_column_prints_plain_text():
    """Markup is switched off where text is printed, so that no caller must think of it."""
    faults = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        # `Progress` is the name of other classes, too.
        for node in ast.walk(ast.parse(text)) if "rich" in text else ():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            options = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            plain = options.get("markup", True) is False
            bare = node.func.id == "Progress" and not node.args
            if (node.func.id in {"Console", "TextColumn"} and not plain) or bare:
                faults.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert faults == []
    assert Progress.get_default_columns()[0].markup, "a bare Progress takes names for markup"
