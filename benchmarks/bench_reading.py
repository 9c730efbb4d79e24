"""Speed of reading exams: questions per second, beside polars' own reader of the same file.

    python benchmarks/bench_reading.py --questions 1000000

For each kind of file, prints the seconds of `read_exam` and of polars (which is not a dependency:
install it first), their ratio, and how much memory the questions and the reading took.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars

from llmexam.exam.parsers import read_exam

_WORDS = [f"word{i}" for i in range(5000)]


def _write(folder: Path, n: int) -> dict[str, Path]:
    rng = random.Random(0)
    paths = {"jsonl": folder / "exam.jsonl", "csv": folder / "exam.csv"}
    with paths["jsonl"].open("w") as lines, paths["csv"].open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["id", "prompt", "A", "B", "C", "D", "answer"])
        for i in range(n):
            prompt = " ".join(rng.choices(_WORDS, k=14)) + ", or what?"
            options = [" ".join(rng.choices(_WORDS, k=3)) for _ in range(4)]
            answer = "ABCD"[rng.randrange(4)]
            record = {"id": i, "prompt": prompt, "options": options, "answer": answer}
            lines.write(json.dumps(record) + "\n")
            writer.writerow([i, prompt, *options, answer])
    return paths


def _seconds(read: Callable[[], object], repeats: int) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        found = read()
        best = min(best, time.perf_counter() - start)
        del found
    return best


def main() -> None:
    """Print one line per kind of file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder), given.questions)
        readers = {"jsonl": polars.read_ndjson, "csv": polars.read_csv}
        for kind, path in paths.items():
            own = _seconds(lambda path=path: read_exam(path), given.repeats)
            theirs = _seconds(lambda kind=kind, path=path: readers[kind](path), given.repeats)
            print(
                f"{kind}: {given.questions:,} questions, {path.stat().st_size / 1e6:.0f} MB; "
                f"read_exam {own:.2f} s ({given.questions / own:,.0f} questions/s), polars "
                f"{theirs:.2f} s, ratio {theirs / own:.2f}"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / (1 if sys.platform == 'darwin' else 1024) / 1:,.0f} MB")


if __name__ == "__main__":
    main()
