"""Time and memory of cleaning, and its near-duplicate search against datasketch used plainly.

    python benchmarks/bench_cleaning.py CORPUS [--made N]

Both searches use the same shingles, number of permutations and bands, one process, and verify each
candidate exactly; both keep the first of similar documents. The plain one hashes each text with
`MinHash`, asks `MinHashLSH` and inserts what is kept. It prints the ratio of their times, and how
many documents the two drop. `--made N` also measures N made documents, without the plain search.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from datasketch import MinHash, MinHashLSH

from llmexam.collecting.cleaning.duplicates import DuplicatesStep
from llmexam.collecting.cleaning.near_duplicates import DuplicateSearch
from llmexam.collecting.cleaning.step import Observed
from llmexam.evidence.corpus import read_corpus
from llmexam.exam.audit.near import jaccard, shingles

_PART = 5000


def plain_search(texts: list[str], step: DuplicatesStep) -> set[int]:
    bands = step.bands()
    lsh = MinHashLSH(num_perm=step.permutations, params=(bands.n_bands, bands.n_rows))
    sets = {}
    dropped = set()
    for i, text in enumerate(texts):
        own = shingles(text)
        minhash = MinHash(num_perm=step.permutations)
        minhash.update_batch([one.encode() for one in own])
        if any(jaccard(own, sets[one]) >= step.threshold for one in sorted(lsh.query(minhash))):
            dropped.add(i)
        else:
            lsh.insert(i, minhash)
            sets[i] = own
    return dropped


def our_search(texts: Iterator[str], step: DuplicatesStep, folder: Path) -> tuple[set[int], int]:
    sizes: list[int] = []
    waiting: list[str] = []

    def observe() -> None:
        for name, values in step.observe(waiting).items():
            np.save(Observed.file(folder, len(sizes), name), values)
        sizes.append(len(waiting))
        waiting.clear()

    for text in texts:
        waiting.append(text)
        if len(waiting) == _PART:
            observe()
    if waiting:
        observe()
    found = DuplicateSearch(Observed(folder, tuple(sizes)), keep="first").near(step.threshold)
    return {one.position for one in found}, sum(sizes)


def made_texts(n: int) -> Iterator[str]:
    generator = random.Random(0)
    vocabulary = [f"word{i}" for i in range(50_000)]
    recent: list[list[str]] = []
    for i in range(n):
        if i % 10 == 9:
            words = list(generator.choice(recent))
            words[generator.randrange(len(words))] = "changed"
        else:
            words = generator.choices(vocabulary, k=80)
            recent = [*recent[-999:], words]
        yield " ".join(words)


def report(name: str, n: int, n_dropped: int, seconds: float, folder: Path) -> None:
    n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {n:,} documents, {n_dropped:,} dropped, {seconds:.1f} s CPU, "
        f"{n_bytes / n:.0f} bytes a document on disk, peak {peak:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--made", type=int, default=0)
    arguments = parser.parse_args()
    step = DuplicatesStep(exact=False)
    if arguments.made:
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            dropped, n = our_search(made_texts(arguments.made), step, Path(folder))
            report("made", n, len(dropped), time.process_time() - start, Path(folder))
    texts = [passage.text for passage in read_corpus(arguments.corpus)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        ours, n = our_search(iter(texts), step, Path(folder))
        seconds = time.process_time() - start
        report("cleaning", n, len(ours), seconds, Path(folder))
    start = time.process_time()
    plain = plain_search(texts, step)
    plain_seconds = time.process_time() - start
    print(f"datasketch: {len(plain):,} dropped, {plain_seconds:.1f} s CPU")
    print(f"ratio {plain_seconds / seconds:.1f}; dropped by one only: {len(ours ^ plain)}")


if __name__ == "__main__":
    main()
