"""A campaign of mutated inputs: each is read or refused in one line, in bounded time.

Run it with `make fuzz`, or as `python -m tests.fuzz.campaign --count 5000 --seed 0`. A fault is
named with the seed that makes it: `--seed SEED --count 1`.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.kinds import Kind, kinds
from tests.fuzz.mutations import mutated

from llmexam.errors import LlmExamError

SECONDS = 10.0
_RAW = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class TooSlow(BaseException):
    """An input took longer than it may."""


@dataclass
class Outcome:
    """Counts of a campaign.

    Attributes:
        counts: Number of inputs by kind and result: read, refused or fault.
        faults: What went wrong, with the seed of the input.
        slowest: Time of the slowest input, in seconds.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def __str__(self) -> str:
        names = sorted({kind for kind, _ in self.counts})
        lines = [f"{'kind':15} {'read':>7} {'refused':>8} {'faults':>7}"]
        for name in names:
            read, refused, fault = (self.counts[name, one] for one in ("read", "refused", "fault"))
            lines.append(f"{name:15} {read:7,} {refused:8,} {fault:7,}")
        lines.append(f"{self.counts.total():,} inputs, slowest {self.slowest:.1f} s")
        return "\n".join([*lines, *self.faults])


def run_campaign(count: int, seed: int, *, only: str = "") -> Outcome:
    """Mutate and read `count` inputs; the seeds are `seed`, `seed + 1`, ..."""
    outcome = Outcome()
    all_kinds = [kind for kind in kinds() if only in kind.name]
    for number in range(seed, seed + count):
        draw = random.Random(number)
        kind = draw.choice(all_kinds)
        start = time.monotonic()
        result, told = _try(kind, draw)
        outcome.slowest = max(outcome.slowest, time.monotonic() - start)
        outcome.counts[kind.name, result] += 1
        if result == "fault":
            outcome.faults.append(f"seed {number}, {kind.name}: {told}")
    return outcome


def _try(kind: Kind, draw: random.Random) -> tuple[str, str]:
    name = draw.choice(sorted(kind.files))
    folder = Path(tempfile.mkdtemp(prefix="llmexam-fuzz-"))
    try:
        path = folder / "in" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(mutated(kind.files[name], name, draw))
        (folder / "out").mkdir()
        logging.disable(logging.CRITICAL)
        with _limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = kind.act(path, folder / "out", draw)
    except LlmExamError:
        return "refused", ""
    except TooSlow:
        return "fault", f"{name}: took over {SECONDS:.0f} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            "fault",
            f"{name}: {type(error).__name__}: {error!s:.200} ({where.filename}:{where.lineno})",
        )
    finally:
        logging.disable(logging.NOTSET)
        shutil.rmtree(folder, ignore_errors=True)
    code = getattr(done, "returncode", 0)
    shown = getattr(done, "stderr", "")
    # Submissions on standard output are data.
    if _RAW.search(shown):
        return "fault", f"{name}: raw control characters in {shown!r:.200}"
    if code == 2 and not re.fullmatch(r"(?:[^\n]*\n)*error: [^\n]+\n", shown):
        return "fault", f"{name}: refused without a line: {shown!r:.200}"
    return ("refused" if code == 2 else "read"), ""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` in the block when its time is over."""

    def stop(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main() -> None:
    """Run a campaign, print its counts, and end with 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the name of a kind")
    given = parser.parse_args()
    outcome = run_campaign(given.count, given.seed, only=given.only)
    print(outcome)
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
