"""Compare `lexical` on all cores with `lexical` on one: the same questions, the same scores.

    python benchmarks/bench_processes.py [--questions 20000]

The questions are those of the sample exam, each with three passages of the sample corpus, repeated
with other ids and other passages.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from random import Random

import numpy as np

import llmexam as lx
from llmexam.evidence.corpus import read_corpus
from llmexam.machine import n_cores
from llmexam.sample import CORPUS_PATH
from llmexam.solvers.lexical.solver import LexicalSolver
from llmexam.solvers.scoring import solve


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=20_000)
    n = parser.parse_args().questions
    passages = list(read_corpus(CORPUS_PATH))
    sample, random = lx.read_exam("bundled"), Random(0)
    questions = [
        replace(sample[i % len(sample)], id=str(i)).with_passages(random.sample(passages, 3))
        for i in range(n)
    ]
    exam = lx.Exam(tuple(questions))
    times, scores = {}, {}
    for workers in (1, n_cores()):
        start = time.perf_counter()
        scores[workers] = solve(exam, LexicalSolver(), workers=workers).values
        times[workers] = time.perf_counter() - start
        print(f"{workers} processes: {times[workers]:.1f} s, {n / times[workers]:,.0f} questions/s")
    assert np.array_equal(*scores.values()) or len(scores) == 1
    print(f"speed-up {times[1] / times[n_cores()]:.2f}")


if __name__ == "__main__":
    main()
