"""Measure what one part of an index costs: bytes, seconds and memory, sparse and dense.

    python benchmarks/bench_parts.py --data FOLDER

The passages are those of `bench_million.py`. Reading (with duplicates dropped), building a sparse
part, searching it and encoding a dense part are timed one by one, in one process. The rates are
printed per million passages, and are those of docs/design/scale.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from bench_sparse_index import passages
from llmexam.errors import ModelError
from llmexam.evidence.chunking import drop_duplicates
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.parts.part import PartJob, build_part
from llmexam.evidence.index.parts.passages_files import write_passages
from llmexam.evidence.index.vectors import DenseSettings
from llmexam.exam.question import Passage
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import BUNDLED
from llmexam.machine import peak_memory_mb


def mb(folder: Path, pattern: str = "*") -> float:
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file()) / 1e6


def stream(options: argparse.Namespace, n_passages: int) -> Iterator[Passage]:
    more = n_passages + n_passages // 10 + 1000
    return islice(drop_duplicates(passages(options.data, more)), n_passages)


def show_sparse(options: argparse.Namespace, folder: Path) -> None:
    n, scale = options.passages, 1e6 / options.passages
    found = list(stream(options, n))
    n_words = sum(len(passage.text.split()) for passage in found)
    start = time.perf_counter()
    files = write_passages(folder, drop_duplicates(iter(found)))
    read_s = time.perf_counter() - start
    del found
    before = peak_memory_mb()
    job = PartJob("part-00000", str(folder / "part-00000"), tuple(files), "sparse", None)
    start = time.perf_counter()
    build_part(job)
    build_s = time.perf_counter() - start
    part = folder / "part-00000"
    print(
        f"sparse part of {n:,} passages of {n_words / n:.0f} words, per million passages:\n"
        f"  passages files {mb(folder, '*.parquet') * scale:.0f} MB, dropping duplicates and "
        f"writing them {read_s * scale:.1f} s\n"
        f"  building {build_s * scale:.1f} s in one process; index {mb(part) * scale:.0f} MB, of "
        f"it texts {mb(part, '*.store') * scale:.0f} MB\n"
        f"  peak memory of the process {before:.0f} MB before (with the corpus of this benchmark), "
        f"{peak_memory_mb():.0f} MB after building"
    )


def show_dense(options: argparse.Namespace, folder: Path) -> None:
    n, scale = options.dense, 1e6 / options.dense
    found = [replace(passage) for passage in stream(options, n)]
    texts = [passage.text for passage in found]
    print(f"dense part of {n:,} passages, per million passages:")
    for precision in ("fp32", "bf16", "int8"):
        try:
            encoder = load_embedder(BUNDLED, precision=precision)
        except ModelError as error:
            print(f"  {error}")
            continue
        encoder.encode(texts[:64], kind="passage")
        start = time.perf_counter()
        encoder.encode(texts, kind="passage")
        encode_s = time.perf_counter() - start
        print(
            f"  encoding in {precision}: {encode_s * scale:,.0f} s ({n / encode_s:.0f} passages a "
            f"second, {encoder.dim} dimensions)"
        )
    encoder = load_embedder(BUNDLED)
    for name, limit in (("flat, float32", n), ("lists, 8 bits", 0)):
        part = folder / name
        start = time.perf_counter()
        DenseIndex.build(part, found, encoder, DenseSettings(flat_limit=limit))
        seconds = time.perf_counter() - start
        print(
            f"  {name}: vectors {mb(part, '*.faiss') * scale:.0f} MB, texts "
            f"{mb(part, '*.sqlite') * scale:.0f} MB, all in {seconds * scale:,.0f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with corpus")
    parser.add_argument("--passages", type=int, default=250_000)
    parser.add_argument("--dense", type=int, default=4_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show_sparse(options, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        show_dense(options, Path(folder))


if __name__ == "__main__":
    main()
