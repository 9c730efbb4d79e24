"""Progress of a run in a file of its folder, so that other processes can show it.

The file is there while the run goes on, and stays if it was stopped or failed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from llmexam.machine import is_running
from llmexam.stages.stage import Announce
from llmexam.storage.temporary import temporary_beside

PROGRESS_FILE = "progress.json"
_SECONDS_BETWEEN = 1.0
# Another machine's processes cannot be asked for: a file this old is of one that was stopped.
_FOREIGN_SECONDS = 120.0
_MOST_MESSAGE = 1000

State = Literal["running", "stopped", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: Name of the stage, such as "score lexical".
        n_done: Work done in the stage, in units of the stage.
        n_all: Work of the stage; None where it is not known.
        stage_began: When the stage began, in seconds since 1970.
        began: When the run began.
        written: When this was written.
        pid: The process that runs it.
        host: The machine that it runs on.
        problem: Why it failed; empty if it did not.
    """

    stage: str
    n_done: int
    n_all: int | None
    stage_began: float
    began: float
    written: float
    pid: int
    host: str
    problem: str = ""

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest of the stage takes at its rate so far; None where not known."""
        if self.n_all is None or not 0 < self.n_done <= self.n_all:
            return None
        spent = self.written - self.stage_began
        return max(0.0, spent * (self.n_all - self.n_done) / self.n_done)

    def state(self, now: float | None = None) -> State:
        """Return whether the run still goes on."""
        if self.problem:
            return "failed"
        if self.host == socket.gethostname():
            return "running" if is_running(self.pid, since=self.began) else "stopped"
        age = (time.time() if now is None else now) - self.written
        return "running" if age < _FOREIGN_SECONDS else "stopped"


def read_progress(folder: Path) -> Progress | None:
    """Return the progress that the folder of a run tells of; None where there is none."""
    try:
        found = json.loads((folder / PROGRESS_FILE).read_text("utf-8"))
        return Progress(**{field.name: found[field.name] for field in fields(Progress)})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


@contextmanager
def progress_file(folder: Path, announce: Announce) -> Iterator[Announce]:
    """Yield an `announce` that also writes the progress to a file, at most once a second.

    The file is deleted when all is done. After an error it stays and tells of the error.

    Args:
        folder: The folder of the run.
        announce: Called as well.
    """
    writer = _Writer(folder)

    def both(name: str, n_done: int, n_all: int | None) -> None:
        writer.tell(name, n_done, n_all)
        announce(name, n_done, n_all)

    try:
        yield both
    except Exception as error:
        writer.write(problem=str(error)[:_MOST_MESSAGE] or type(error).__name__)
        raise
    else:
        with suppress(OSError):
            writer.path.unlink(missing_ok=True)


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.path = folder / PROGRESS_FILE
        now = time.time()
        self._values: dict[str, Any] = {
            "stage": "",
            "n_done": 0,
            "n_all": None,
            "stage_began": now,
            "began": now,
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        self._last = 0.0

    def tell(self, stage: str, n_done: int, n_all: int | None) -> None:
        """Write how far a stage is, if a second has passed or the stage is another."""
        now = time.time()
        is_new = stage != self._values["stage"]
        self._values.update(stage=stage, n_done=n_done, n_all=n_all)
        if is_new:
            self._values["stage_began"] = now
        if is_new or now - self._last >= _SECONDS_BETWEEN:
            self.write()

    def write(self, problem: str = "") -> None:
        self._last = time.time()
        progress = Progress(written=self._last, problem=problem, **self._values)
        temporary = temporary_beside(self.path)
        # Without waiting for the disk, and a run does not fail because its progress is not shown.
        with suppress(OSError):
            temporary.write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
            temporary.replace(self.path)
