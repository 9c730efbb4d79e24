"""Compare `llmexam.lm.encoding.embedding` with `encode` of sentence-transformers on the same texts.

Run: python benchmarks/bench_embedding.py [exam.csv] [--rounds 3] [--limit 1000]
     python benchmarks/bench_embedding.py --corpus passages.jsonl --precision fp32 int8 --threads 1

The texts are the sentences of the column `context` of an exam file, or the passages of a JSONL
corpus, including duplicates. Without a file, they are the sentences of the bundled sample corpus.
sentence-transformers runs with its defaults (fp32). All run in turns in one process, so that other
load slows all; seconds are given by the clock and as CPU time of all threads, as the best and the
median round. `fp32` and `int8` use no bf16 arithmetic, so they stand for processors without it.
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
from llmexam.lm.models.precision import cpu_flags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exam", nargs="?", help="CSV file with a column 'context'")
    parser.add_argument("--corpus", help="JSONL file with a key 'text', instead of an exam")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only this many texts, drawn by seed 0")
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument(
        "--precision", nargs="+", default=["auto"], choices=["auto", "fp32", "bf16", "int8"]
    )
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    texts = read_passages(arguments.corpus) if arguments.corpus else read_sentences(arguments.exam)
    if arguments.limit and arguments.limit < len(texts):
        chosen = np.random.default_rng(0).choice(len(texts), arguments.limit, replace=False)
        texts = [texts[i] for i in chosen]
    theirs = SentenceTransformer(str(resolve_model().path), device="cpu")
    runs = {"sentence-transformers fp32": lambda texts: np.asarray(theirs.encode(texts))}
    for precision in arguments.precision:
        ours = load_embedder(precision=precision)
        runs[f"llmexam {ours.precision}"] = ours.encode
    print(f"{processor_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    report(texts, runs, arguments.rounds)


def processor_name() -> str:
    """Return the processor's name and its instructions for bf16 and int8."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    known = ("avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8")
    return f"{name} with {', '.join(flag for flag in known if flag in cpu_flags()) or 'AVX2'}"


def read_passages(path: str) -> list[str]:
    lines = Path(path).read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line.strip()]


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
    texts: list[str], runs: dict[str, Callable[[list[str]], np.ndarray]], n_rounds: int
) -> None:
    clock: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    vectors = {}
    for run in runs.values():
        run(texts[:64])
    for _ in range(n_rounds):
        for name, run in runs.items():
            start, busy = time.perf_counter(), time.process_time()
            vectors[name] = run(texts)
            clock[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - busy)
    reference, *others = runs
    print(f"{len(texts)} texts, {len(set(texts))} distinct, {n_rounds} rounds")
    for name in runs:
        print(
            f"  {name:28} best {len(texts) / min(clock[name]):8.1f} texts/s"
            f"  median {len(texts) / np.median(clock[name]):8.1f}  CPU {min(cpu[name]):7.2f} s"
        )
    expected = vectors[reference] / np.linalg.norm(vectors[reference], axis=1, keepdims=True)
    for name in others:
        cosines = (vectors[name] * expected).sum(1)
        print(
            f"  {name}: {min(clock[reference]) / min(clock[name]):.2f} times as fast (best), "
            f"{np.median(clock[reference]) / np.median(clock[name]):.2f} (median), "
            f"{min(cpu[reference]) / min(cpu[name]):.2f} (CPU time); "
            f"cosine: lowest {cosines.min():.5f} mean {cosines.mean():.5f}"
        )


if __name__ == "__main__":
    main()
