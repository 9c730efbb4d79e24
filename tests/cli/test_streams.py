import io
import json
import re
import sys

import pytest
from tests.cli.in_process import llmexam

from llmexam.cli.streams import EscapingStream, write_exactly

HOSTILE = "\rover\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202e"
RAW = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]|\r(?!\n)")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_controls_are_escaped_as_json_escapes_them():
    stream = EscapingStream(io.StringIO())
    print(json.dumps({"id": HOSTILE}, ensure_ascii=False), file=stream)
    shown = stream.unescaped.getvalue()
    assert not RAW.search(shown)
    assert json.loads(shown) == {"id": HOSTILE}


def test_colours_pass_on_a_terminal_but_commands_do_not():
    stream = EscapingStream(Terminal())
    stream.write("\x1b[1;31mbold\x1b[0m\x1b]52;c;x\x07\x1b[2J\n")
    assert stream.unescaped.getvalue() == ("\x1b[1;31mbold\x1b[0m\\u001b]52;c;x\\u0007\\u001b[2J\n")


def test_only_progress_bars_return_to_the_start_of_a_line():
    lines, bars = EscapingStream(io.StringIO()), EscapingStream(io.StringIO(), has_bars=True)
    for stream in (lines, bars):
        stream.write("\r 50%")
        stream.write("id\r 100%\r\n")
    assert lines.unescaped.getvalue() == "\\u000d 50%id\\u000d 100%\r\n"
    assert bars.unescaped.getvalue() == "\r 50%id\\u000d 100%\r\n"


def test_data_is_exact_but_on_a_terminal(monkeypatch):
    for kind, shown in ((io.StringIO, HOSTILE), (Terminal, None)):
        stream = EscapingStream(kind())
        monkeypatch.setattr(sys, "stdout", stream)
        write_exactly(HOSTILE)
        found = stream.unescaped.getvalue()
        assert found == shown if shown else "]0;title\\u0007" in found


@pytest.fixture
def exam(tmp_path):
    rows = [
        {
            "id": f"{n}{HOSTILE}",
            "prompt": f"Q{HOSTILE}?",
            "options": [f"a{HOSTILE}", "b" * n],
            "answer": 0,
        }
        for n in (1, 2, 3)
    ]
    path = tmp_path / f"exam{HOSTILE}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_no_command_prints_commands_to_the_terminal(exam, tmp_path):
    scores, index = tmp_path / f"s{HOSTILE}.parquet", tmp_path / f"i{HOSTILE}"
    for arguments in (
        ("audit", exam),
        ("audit", exam, "--json"),
        ("solve", exam, "--solver", "longest", "--out", scores),
        ("evaluate", exam, scores),
        ("compare", exam, scores, scores),
        ("ensemble", scores, f"other={scores}", "--exam", exam),
        ("convert", exam, tmp_path / f"c{HOSTILE}.csv", "--to", "kaggle"),
        ("index", exam, "--field", "text=prompt", "--out", index),
        ("search", index, "Q"),
        ("search", index, HOSTILE, "--json"),
        ("run", exam),
    ):
        done = llmexam(*arguments)
        assert not RAW.search(done.stdout + done.stderr), arguments
        assert done.returncode == 0 or arguments[0] == "run", (arguments, done.stderr)
