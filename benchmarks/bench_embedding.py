"""Compare `llmexam.lm.encoding.embedding` with `encode` of sentence-transformers on the same texts.

Run: python benchmarks/bench_embedding.py [exam.csv] [--rounds 3] [--limit 1000]

The texts are the sentences of the column `context` of an exam file, including duplicates. Without
a file, they are the sentences of the bundled sample corpus. Both run alternately in one process, so
that other load slows both; the best round of each counts.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from llmexam import sample
from llmexam.evidence.sentences import split_sentences
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import resolve_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exam", nargs="?", help="CSV file with a column 'context'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only this many texts")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    arguments = parser.parse_args()
    texts = read_sentences(arguments.exam)[: arguments.limit]
    ours = load_embedder(precision=arguments.precision)
    theirs = SentenceTransformer(str(resolve_model().path), device="cpu")
    print(f"{torch.get_num_threads()} threads, precision {ours.precision}")
    report("as they come", texts, ours.encode, theirs.encode, arguments.rounds)
    report("distinct", list(dict.fromkeys(texts)), ours.encode, theirs.encode, arguments.rounds)


def read_sentences(path: str | None) -> list[str]:
    if path is None:
        lines = sample.CORPUS_PATH.read_text("utf-8").splitlines()
        passages = [json.loads(line)["text"] for line in lines if line.strip()]
    else:
        csv.field_size_limit(sys.maxsize)
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            passages = [row["context"] for row in csv.DictReader(stream)]
    return [text[a:b] for text in passages for a, b in split_sentences(text)]


def report(
    name: str,
    texts: list[str],
    ours: Callable[[list[str]], np.ndarray],
    theirs: Callable[[list[str]], np.ndarray],
    n_rounds: int,
) -> None:
    ours(texts[:64]), theirs(texts[:64])
    our_seconds, their_seconds = [], []
    for _ in range(n_rounds):
        seconds, found = timed(ours, texts)
        our_seconds.append(seconds)
        seconds, expected = timed(theirs, texts)
        their_seconds.append(seconds)
    cosines = (found * expected).sum(1) / np.linalg.norm(expected, axis=1)
    mine, other = min(our_seconds), min(their_seconds)
    print(f"{name}: {len(texts)} texts, {len(set(texts))} distinct, best of {n_rounds}")
    print(f"  llmexam                {len(texts) / mine:8.1f} texts/s  {mine:7.2f} s")
    print(f"  sentence-transformers  {len(texts) / other:8.1f} texts/s  {other:7.2f} s")
    print(
        f"  ratio {other / mine:.2f}  cosine: lowest {cosines.min():.5f} mean {cosines.mean():.5f}"
    )


def timed(encode: Callable[[list[str]], np.ndarray], texts: list[str]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    vectors = encode(texts)
    return time.perf_counter() - start, np.asarray(vectors)


if __name__ == "__main__":
    main()
