"""Processes of this machine, with real ones that are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

psutil = pytest.importorskip("psutil")

SCORING = """
class Solver(BaseSolver):
    one_core = True

    def score(self, questions):
        wait()


def main():
    list(score_in_processes(Solver(), [[Question("q", "Why?", ("yes", "no"), 0)]] * 2, 2))
"""
DRAFTING = """
class Generator:
    def write(self, sources, request):
        wait()


def main():
    sources = [Source(Passage("The sky is blue.", id=str(i)), str(i)) for i in range(600)]
    drafting = Drafting(Generator(), Request(n_options=4), n_processes=2)
    write_drafts(sources, drafting, DraftFolder(FOLDER / "drafts", "k"))
"""
PROGRAM = """
import os, sys, time
from pathlib import Path

from llmexam.authoring.drafting import Drafting, write_drafts
from llmexam.authoring.drafts import DraftFolder
from llmexam.authoring.generators.protocol import Request
from llmexam.authoring.item import Source
from llmexam.exam.question import Passage, Question
from llmexam.solvers.processes import score_in_processes
from llmexam.solvers.protocol import BaseSolver

FOLDER = Path(__file__).parent


def wait():
    (FOLDER / f"{os.getpid()}.pid").touch()
    time.sleep(60)

"""


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def has_ended(pid):
    # A process that has ended may wait for the system to clear it away.
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("work", [SCORING, DRAFTING], ids=["scoring", "drafting"])
def test_workers_end_when_their_parent_is_killed(tmp_path, work):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + work + "\n\nif __name__ == '__main__':\n    main()\n")
    parent = subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE)
    workers = []
    try:
        assert until(lambda: len(list(tmp_path.glob("*.pid"))) == 2), parent.stderr.peek()
        workers = [int(Path(one).stem) for one in tmp_path.glob("*.pid")]
        parent.kill()
        assert parent.wait() == -signal.SIGKILL
        assert until(lambda: all(map(has_ended, workers)), seconds=10)
    finally:
        parent.kill()
        parent.wait()
        parent.stderr.close()
        for pid in workers:
            if not has_ended(pid):
                os.kill(pid, signal.SIGKILL)
