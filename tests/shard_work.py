"""Functions of jobs for the tests of shards, which workers import."""

import os
import signal
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.storage.atomic import atomic_path


def open_upper(settings):
    """Upper-case the input; `kill`, `fail` and `refuse` name inputs that go wrong.

    `kill_once` is a folder: the first worker of each input named in `kill` dies, later ones do not.
    """
    log = Path(settings["log"])

    def work(content, output):
        with log.open("a") as stream:
            stream.write(f"{output.name}\n")
        text = content.decode()
        if text in settings.get("kill", ()):
            mark = Path(settings["kill_once"]) / text if "kill_once" in settings else None
            if mark is None or not mark.exists():
                if mark is not None:
                    mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if text in settings.get("fail", ()):
            raise OSError("no space left on device")
        if text in settings.get("refuse", ()):
            raise ExamError("expected an answer", row=3)
        with atomic_path(output) as temporary:
            temporary.write_bytes(content.upper())
        return {"length": len(content)}

    return work
