"""A campaign of kills of runs with a time limit: whenever one is killed, its submission is valid.

Run it with `make kill`, or as `python -m tests.kill.limit_campaign --count 40 --seed 0`. One run
after the other is killed with SIGKILL at a random moment. Its submission must be complete, and must
not be made from fewer solvers than before. After some kills the run goes on to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from tests.kill.jobs import _exam

from llmexam.errors import LlmExamError
from llmexam.exam.loading import load_exam
from llmexam.exam.submission import validate_submission
from llmexam.storage.hashing import hash_file

_SECONDS = 120.0
_QUESTIONS = 400


@dataclass
class Outcome:
    """Counts of a campaign.

    Attributes:
        n_kills: Number of kills.
        n_before: Those before the first submission, which comes when the exam was read.
        n_ends: Runs that went on to their end.
        faults: What was wrong.
    """

    n_kills: int = 0
    n_before: int = 0
    n_ends: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = f"{self.n_kills} kills, {self.n_before} before the first submission"
        return "\n".join(
            [f"{counts}, {self.n_ends} runs to the end, {len(self.faults)} faults", *self.faults]
        )


def run_campaign(count: int, seed: int, *, longest: float = 6.0) -> Outcome:
    """Kill runs until there were `count` kills.

    Args:
        count: Number of kills.
        seed: Random seed.
        longest: Longest time before a kill, in seconds.
    """
    outcome, draw = Outcome(), random.Random(seed)
    while outcome.n_kills < count:
        with tempfile.TemporaryDirectory(prefix="llmexam-limit-") as base:
            folder = Path(base)
            _prepare(folder)
            for _ in range(min(draw.choice([1, 2, 3]), count - outcome.n_kills)):
                _kill(folder, draw.random() * longest, outcome)
            _end(folder, outcome)
    return outcome


def _prepare(folder: Path) -> None:
    _exam(folder, _QUESTIONS)
    plan = {
        "exam": "exam.csv",
        "solvers": ["longest", "lexical", {"solver": "random", "name": "dice"}],
        "evaluation": {"n_resamples": 100},
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))


def _start(folder: Path) -> subprocess.Popen[bytes]:
    options = ["run", "plan.yaml", "--out", "out", "--time-limit", f"{_SECONDS:.0f}s"]
    with (folder / "stderr").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "llmexam", *options],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def _kill(folder: Path, seconds: float, outcome: Outcome) -> None:
    before = _members(folder)
    child = _start(folder)
    time.sleep(seconds)
    child.kill()
    if child.wait() != -signal.SIGKILL:
        outcome.n_ends += 1
        return
    outcome.n_kills += 1
    if before is None and not (folder / "out" / "submission.csv").exists():
        outcome.n_before += 1
    else:
        _check(folder, before or (), f"killed after {seconds:.2f} s", outcome)


def _end(folder: Path, outcome: Outcome) -> None:
    before = _members(folder)
    code = _start(folder).wait()
    outcome.n_ends += 1
    if code:
        outcome.faults.append(f"ended with {code}: {(folder / 'stderr').read_text()[-500:]}")
    _check(folder, before or (), "at the end", outcome)
    leftovers = [path.name for path in (folder / "out").rglob("*.tmp")]
    if leftovers:
        outcome.faults.append(f"left behind: {leftovers}")
    if set(_members(folder) or ()) != {"longest", "lexical", "dice"}:
        outcome.faults.append(f"made from {_members(folder)} at the end")


def _check(folder: Path, before: tuple[str, ...], when: str, outcome: Outcome) -> None:
    try:
        exam = load_exam(folder / "exam.csv")
        answers = validate_submission(folder / "out" / "submission.csv", exam)
    except (LlmExamError, OSError) as error:
        outcome.faults.append(f"{when}: {error}")
        return
    if tuple(answers) != exam.ids:
        outcome.faults.append(f"{when}: not in the order of the exam")
    members = _members(folder)
    if members is None or not set(before) <= set(members):
        outcome.faults.append(f"{when}: made from {members}, before from {before}")


def _members(folder: Path) -> tuple[str, ...] | None:
    """Return what the present submission is made from; None if there is none."""
    path = folder / "out" / "submission.csv"
    if not path.exists():
        return None
    record = json.loads((folder / "out" / "time_limit.json").read_text())
    found = record["submissions"].get(hash_file(path))
    return None if found is None else tuple(found["members"])


def main() -> None:
    """Run a campaign, print its counts, and end with 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    outcome = run_campaign(given.count, given.seed)
    print(outcome)
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
