"""Retrieval of candidates from a bank of 60,000 prompts: ours against a loop row by row.

`bank-ranker` searches the bank twice for each row: with the estimated vector, and with the
expected vector over what that search found. The loop is `semantic_search` of sentence-transformers
and a plain numpy product, each called once per row for one search. All run in one process with the
same vectors, and the prompts that they find are compared. The bank is
$LLMEXAM_SHARED_DATA/prompt_recovery/prompt_bank.csv, embedded by the bundled model, or without it
60,000 drawn vectors. Run: python benchmarks/bench_prompt_bank.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.util import semantic_search

from llmexam.recovery.bank import read_bank
from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.ranking.bank_search import PromptBank

N_PROMPTS, N_ROWS, DIM, K = 60_000, 256, 384, 64
N_THREADS = 2
# Rows that `bank-ranker` takes at a time.
PART = 256
N_REPEATS = 2


def main() -> None:
    """Time all and print milliseconds a row and the ratios."""
    torch.set_num_threads(N_THREADS)
    prompts, vectors = read_vectors()
    rng = np.random.default_rng(0)
    # Queries near prompts, as predicted vectors are.
    near = vectors[rng.integers(len(vectors), size=N_ROWS)]
    queries = (near + rng.normal(0, 0.03, near.shape)).astype(np.float32)
    start = time.perf_counter()
    bank = PromptBank(prompts, vectors)
    print(f"{len(bank):,} prompts, bank made in {time.perf_counter() - start:.2f} s")

    def ours() -> NDArray[np.int64]:
        parts = [bank.search(queries[i : i + PART], K) for i in range(0, N_ROWS, PART)]
        for i in range(0, N_ROWS, PART):
            bank.search(vectors[parts[i // PART]].mean(axis=1), K)
        return np.concatenate(parts)

    def alone() -> NDArray[np.int64]:
        return np.concatenate([bank.search(query[None], K) for query in queries])

    tensors = torch.from_numpy(vectors)

    def library() -> NDArray[np.int64]:
        found = (semantic_search(torch.from_numpy(q), tensors, top_k=K)[0] for q in queries)
        return np.array([[one["corpus_id"] for one in own] for own in found])

    def plain() -> NDArray[np.int64]:
        return np.array([np.argsort(-(vectors @ query))[:K] for query in queries])

    fast, found = timed(ours)
    print(f"bank-ranker, two searches a row: {fast:.2f} ms a row")
    for name, function in (
        ("the same search, once and row by row", alone),
        ("semantic_search, one search, row by row", library),
        ("numpy, one search, row by row", plain),
    ):
        slow, other = timed(function)
        same = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, other, strict=True)])
        print(f"{name}: {slow:.2f} ms a row, ratio {slow / fast:.1f}, {same:.1%} the same prompts")


def read_vectors() -> tuple[list[str], NDArray[np.float32]]:
    """Return prompts and their unit vectors, from the real bank if it is there."""
    folder = os.environ.get("LLMEXAM_SHARED_DATA")
    path = Path(folder or ".") / "prompt_recovery" / "prompt_bank.csv"
    if folder is not None and path.is_file():
        prompts = read_bank(path)
        cache = os.environ.get("LLMEXAM_VECTOR_CACHE")
        return prompts, text_vectors("bundled", cache_dir=cache).encode(prompts)
    drawn = np.random.default_rng(1).normal(size=(N_PROMPTS, DIM)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return [f"prompt {i}" for i in range(N_PROMPTS)], drawn


def timed(function: Callable[[], NDArray[np.int64]]) -> tuple[float, NDArray[np.int64]]:
    """Return the fastest of a few runs in milliseconds a row, and what was found."""
    times = []
    for _ in range(N_REPEATS):
        start = time.perf_counter()
        found = function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / N_ROWS, found


if __name__ == "__main__":
    main()
