"""Progress in a file: what it says, how often it is written, and what stays after an error."""

import json
import os
import socket
from dataclasses import replace

import pytest

from llmexam.stages import progress_file as module
from llmexam.stages.progress_file import PROGRESS_FILE, Progress, progress_file, read_progress


def heard():
    calls = []
    return calls, lambda *call: calls.append(call)


def end_with(error, folder):
    with progress_file(folder, lambda *_: None) as told:
        told("score", 3, 10)
        raise error


def test_progress_is_written_and_announced_and_deleted_at_the_end(tmp_path):
    calls, announce = heard()
    with progress_file(tmp_path, announce) as told:
        told("score lexical", 0, None)
        found = read_progress(tmp_path)
        assert (found.stage, found.n_done, found.n_all) == ("score lexical", 0, None)
        assert (found.pid, found.host) == (os.getpid(), socket.gethostname())
        assert found.state() == "running"
        assert found.seconds_left is None
    assert calls == [("score lexical", 0, None)]
    assert list(tmp_path.iterdir()) == []


def test_within_a_second_only_a_new_stage_is_written(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "time", lambda: now[0])
    with progress_file(tmp_path, lambda *_: None) as told:
        told("a", 0, 100)
        told("a", 10, 100)
        assert read_progress(tmp_path).n_done == 0
        now[0] += 1.0
        told("a", 20, 100)
        assert read_progress(tmp_path).n_done == 20
        assert read_progress(tmp_path).seconds_left == pytest.approx(4.0)
        told("b", 0, 5)
        assert read_progress(tmp_path).stage == "b"


def test_an_error_stays_in_the_file(tmp_path):
    with pytest.raises(ValueError, match="something is wrong"):
        end_with(ValueError("something is wrong"), tmp_path)
    found = read_progress(tmp_path)
    assert found.problem == "something is wrong"
    assert found.state() == "failed"


def test_after_an_interrupt_the_file_stays_and_the_process_is_gone(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        end_with(KeyboardInterrupt(), tmp_path)
    found = read_progress(tmp_path)
    assert found.problem == ""
    assert replace(found, pid=2**22 + 1).state() == "stopped"


def test_a_file_of_another_machine_is_running_while_it_is_fresh():
    found = Progress("a", 0, None, 0.0, 0.0, 1000.0, 1, "elsewhere")
    assert found.state(now=1060.0) == "running"
    assert found.state(now=2000.0) == "stopped"


def test_a_folder_that_cannot_be_written_does_not_end_the_run(tmp_path):
    calls, announce = heard()
    with progress_file(tmp_path / "none", announce) as told:
        told("a", 0, None)
    assert calls == [("a", 0, None)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stage": 1}', "null", "\x00"])
def test_a_damaged_file_tells_nothing(tmp_path, content):
    (tmp_path / PROGRESS_FILE).write_text(content)
    assert read_progress(tmp_path) is None


def test_a_file_with_other_values_is_read_by_name(tmp_path):
    with progress_file(tmp_path, lambda *_: None) as told:
        told("a", 1, 2)
        values = json.loads((tmp_path / PROGRESS_FILE).read_text())
        (tmp_path / PROGRESS_FILE).write_text(json.dumps({**values, "more": 1}))
        assert read_progress(tmp_path).n_done == 1
