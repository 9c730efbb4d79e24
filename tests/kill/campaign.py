"""A campaign of kills: a killed command that is run again ends as an undisturbed one.

Run it with `make kill`, or as `python -m tests.kill.campaign --count 200 --seed 0`. A command is
killed with SIGKILL at a random moment, or just before a random change to a file, once to three
times. Then the same command is run to its end, and all that it left is compared.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kill.jobs import JOBS, Job, results

_SECONDS = 300
_CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")


@dataclass
class Outcome:
    """Counts of a campaign.

    Attributes:
        kills: Number of kills by job.
        faults: What differed, with the seed.
    """

    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{name:20} {n:5,} kills" for name, n in sorted(self.kills.items())]
        total = f"{self.kills.total():,} kills, {len(self.faults)} faults"
        return "\n".join([*lines, total, *self.faults])


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: what it left, how long it took, and how many changes it made."""

    found: dict[str, Any]
    seconds: float
    n_changes: int


def run_campaign(count: int, seed: int, *, only: str = "") -> Outcome:
    """Kill commands until there were `count` kills."""
    outcome = Outcome()
    jobs = [job for job in JOBS if only in job.name and job.is_possible()]
    wholes: dict[str, Whole] = {}
    number = seed
    with tempfile.TemporaryDirectory(prefix="llmexam-kill-") as base:
        # Always the same path, which results contain.
        folder = Path(base) / "work"
        while outcome.kills.total() < count:
            job = jobs[number % len(jobs)]
            if job.name not in wholes:
                wholes[job.name] = _undisturbed(job, folder)
            n_kills, told = _disturbed(job, folder, wholes[job.name], random.Random(number))
            outcome.kills[job.name] += n_kills
            if told:
                outcome.faults.append(f"seed {number}, {job.name}: {told}")
            number += 1
    return outcome


def _undisturbed(job: Job, folder: Path) -> Whole:
    try:
        before = _prepared(job, folder)
        counted = folder.with_suffix(".count")
        start = time.monotonic()
        code = _wait(_start(job, folder, count_into=counted))
        seconds = time.monotonic() - start
        if code:
            raise RuntimeError(f"{job.name} failed: {(folder / 'stderr').read_text()}")
        n_changes = int(counted.read_text())
        counted.unlink()
        return Whole(results(folder, before), seconds, n_changes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _disturbed(job: Job, folder: Path, whole: Whole, draw: random.Random) -> tuple[int, str]:
    """Return the number of kills, and what differed from the undisturbed run."""
    n_kills = 0
    try:
        before = _prepared(job, folder)
        for _ in range(draw.choice([1, 1, 2, 3])):
            if draw.random() < 0.6:
                child = _start(job, folder, kill_before=draw.randrange(whole.n_changes))
            else:
                child = _start(job, folder)
                time.sleep(draw.random() * whole.seconds)
                os.kill(child, signal.SIGKILL)
            n_kills += _wait(child) == -signal.SIGKILL
        code = _wait(_start(job, folder))
        if code:
            return n_kills, f"ended with {code}: {(folder / 'stderr').read_text()[-300:]}"
        return n_kills, _difference(results(folder, before), whole.found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    more, fewer = found.keys() - expected.keys(), expected.keys() - found.keys()
    other = sorted(name for name in found.keys() & expected.keys() if found[name] != expected[name])
    parts = (("left", sorted(more)), ("lost", sorted(fewer)), ("changed", other))
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts if names)


def _prepared(job: Job, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    job.prepare(folder)
    for name in ("stdout", "stderr"):
        (folder / name).touch()
    outputs = tuple(job.outputs)
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in named.items() if not name.startswith(outputs)}


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _start(
    job: Job, folder: Path, *, count_into: Path | None = None, kill_before: int | None = None
) -> int:
    """Start a command in a fork of this process, which has its modules, and return its number.

    Args:
        job: The command.
        folder: Its folder.
        count_into: Gets the number of changes to files that the command made.
        kill_before: Number of the change to a file before which it is killed.
    """
    with warnings.catch_warnings():
        # Of threads, which the child does not use.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        signal.alarm(_SECONDS)
        os.chdir(folder)
        changes = _Changes(folder, kill_before)
        sys.addaudithook(changes)
        code = _command(job)
        if count_into is not None:
            count_into.write_text(str(changes.n))
    finally:
        os._exit(code)


def _command(job: Job) -> int:
    from llmexam.__main__ import main

    sys.argv = ["llmexam", *job.arguments]
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        main()
    except SystemExit as end:
        if end.code:
            Path("stderr").write_text(sys.stderr.getvalue())
        return int(end.code or 0)
    return 0


class _Changes:
    """Counts the changes to files in a folder, and kills the process before one of them."""

    def __init__(self, folder: Path, kill_before: int | None) -> None:
        self._folder = str(folder)
        self._kill_before = kill_before
        self.n = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES or not self._is_change(event, arguments):
            return
        if self.n == self._kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        self.n += 1

    def _is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        name = os.fsdecode(path)
        is_inside = not name.startswith("/") or name.startswith(self._folder)
        is_read = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        return is_inside and not is_read


def main() -> None:
    """Run a campaign, print its counts, and end with 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the name of a job")
    given = parser.parse_args()
    outcome = run_campaign(given.count, given.seed, only=given.only)
    print(outcome)
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
