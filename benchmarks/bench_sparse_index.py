"""Compare time and memory of the sparse index with bm25s, and measure the effect of query pruning.

    python benchmarks/bench_sparse_index.py --data FOLDER

The passages are real passages, followed by passages of five real sentences drawn at random. The
queries are prompts with their options. Every engine runs in its own process. bm25s returns passage
numbers; the sparse index returns texts, and its time includes that. Without `--data`, the
sentences of the bundled sample are recombined, without given passages and without Cranfield.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from llmexam.evidence.corpus import read_corpus
from llmexam.evidence.cranfield import read_cranfield
from llmexam.evidence.index.analysis import SearchSettings
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.evidence.judgements import judge
from llmexam.evidence.queries import make_queries
from llmexam.evidence.sentences import split_sentences
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage
from llmexam.sample import CORPUS_PATH, EXAM_PATH

K = 10


def passages(data: Path | None, n_passages: int) -> Iterator[Passage]:
    corpora = sorted((data / "corpus").glob("*.jsonl"), reverse=True) if data else [CORPUS_PATH]
    real = list(read_corpus(corpora))[:n_passages]
    yield from real
    sentences = [p.text[a:b] for p in real for a, b in split_sentences(p.text)]
    dice = random.Random(0)
    for number in range(n_passages - len(real)):
        yield Passage(" ".join(dice.choices(sentences, k=5)), "", f"recombined-{number}")


def queries(data: Path | None, n_queries: int) -> list[str]:
    names = ("official_200.csv", "train_with_context.csv", "train_closed_book.csv")
    files = [data / "science_exam" / name for name in names] if data else [EXAM_PATH]
    found = []
    for file in files:
        if len(found) < n_queries:
            found += [make_queries(question, "prompt+options")[0] for question in read_exam(file)]
    return found[:n_queries]


def given_ids(data: Path) -> list[set[str]]:
    """Return the ids of the passages that were given with each of the 200 questions."""
    known = list(read_corpus(data / "corpus" / "wikipedia_passages_979.jsonl"))
    csv.field_size_limit(10**8)
    file = data / "science_exam" / "official_200_with_context.csv"
    with file.open(encoding="utf-8-sig", newline="") as stream:
        contexts = [row["context"] for row in csv.DictReader(stream)]
    return [{p.id for p in known if p.text.strip() in context} for context in contexts]


def timed(repeats: int, work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the least wall time and the least processor time, in seconds, and the result."""
    wall = cpu = float("inf")
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        result = work()
        wall = min(wall, time.perf_counter() - start)
        cpu = min(cpu, time.process_time() - cpu_start)
    return wall, cpu, result


def run_sparse(options: argparse.Namespace, pruned: bool) -> dict[str, Any]:
    base = SearchSettings() if pruned else SearchSettings(budget=None)
    settings = base.model_copy(update={"threads": options.threads})
    asked = queries(options.data, options.queries)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        SparseIndex.build(Path(folder) / "index", passages(options.data, options.passages))
        built = time.perf_counter() - start
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())

        def search() -> list[list[Passage]]:
            # Opened anew, so that nothing is remembered of the run before.
            return SparseIndex.open(Path(folder) / "index").search(asked, K, settings)

        seconds, cpu, found = timed(options.repeats, search)
    return {
        "build_s": built,
        "search_s": seconds,
        "cpu_s": cpu,
        "disk_mb": size / 1e6,
        "ids": [[passage.id for passage in ranking] for ranking in found],
    }


def run_bm25s(options: argparse.Namespace, backend: str) -> dict[str, Any]:
    import bm25s

    asked = queries(options.data, options.queries)
    start = time.perf_counter()
    ids, texts = [], []
    for passage in passages(options.data, options.passages):
        ids.append(passage.id)
        texts.append(passage.text)
    model = bm25s.BM25(backend=backend)
    model.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    built = time.perf_counter() - start
    del texts

    def search() -> Any:
        tokens = bm25s.tokenize(asked, stopwords="en", show_progress=False)
        return model.retrieve(
            tokens,
            k=K,
            show_progress=False,
            n_threads=options.threads,
            # By default, it selects with jax wherever jax is installed.
            backend_selection="numpy" if backend == "numpy" else "auto",
        )[0]

    if backend == "numba":
        search()  # compiles
    seconds, cpu, found = timed(options.repeats, search)
    return {
        "build_s": built,
        "search_s": seconds,
        "cpu_s": cpu,
        "ids": [[ids[number] for number in row] for row in found.tolist()],
    }


def in_process(options: argparse.Namespace, engine: str) -> dict[str, Any]:
    data = ["--data", str(options.data)] if options.data else []
    names = ("passages", "queries", "threads", "repeats")
    numbers = chain.from_iterable((f"--{name}", str(getattr(options, name))) for name in names)
    command = [sys.executable, __file__, "--engine", engine, *data, *numbers]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def overlap(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> float:
    shared = sum(len(set(a) & set(b)) for a, b in zip(one, other, strict=True))
    return shared / max(1, sum(map(len, one)))


def show_cranfield(folder: Path) -> None:
    collection = read_cranfield(folder)
    asked = list(collection.queries.values())
    rankings = {}
    with tempfile.TemporaryDirectory() as place:
        index = SparseIndex.build(Path(place) / "index", collection.documents)
        for name, settings in (
            ("sparse, pruned", SearchSettings()),
            ("sparse, all", SearchSettings(budget=None)),
        ):
            rankings[name] = [[p.id for p in r] for r in index.search(asked, 100, settings)]
    if find_spec("bm25s"):
        import bm25s

        texts = [f"{document.title}\n{document.text}" for document in collection.documents]
        model = bm25s.BM25()
        model.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
        tokens = bm25s.tokenize(asked, stopwords="en", show_progress=False)
        found = model.retrieve(tokens, k=100, show_progress=False)[0]
        rankings["bm25s"] = [[collection.documents[n].id for n in row] for row in found.tolist()]
    print("\nCranfield, 225 queries       recall@10  recall@100     MRR  nDCG@10")
    for name, ids in rankings.items():
        quality = judge(dict(zip(collection.queries, ids, strict=True)), collection.judgements)
        print(
            f"  {name:26} {quality.recall[10]:9.4f} {quality.recall[100]:11.4f} "
            f"{quality.mrr:7.4f} {quality.ndcg_at_10:8.4f}"
        )


def show(options: argparse.Namespace) -> None:
    engines = ["sparse", "sparse-unpruned"]
    if find_spec("bm25s"):
        engines += ["bm25s-numpy", *(["bm25s-numba"] if find_spec("numba") else [])]
    results = {engine: in_process(options, engine) for engine in engines}
    given = given_ids(options.data) if options.data else []
    print(f"{options.passages:,} passages, {options.queries:,} queries, {options.threads} threads")
    print("engine              build s  search s    cpu s  peak MB  overlap@10  given@10")
    for engine, result in results.items():
        share = overlap(results["sparse-unpruned"]["ids"], result["ids"])
        hits = [len(want & set(ids)) for want, ids in zip(given, result["ids"], strict=False)]
        recall = f"{sum(hits) / sum(map(len, given)):9.4f}" if given else "        -"
        print(
            f"{engine:18} {result['build_s']:8.2f} {result['search_s']:9.3f} "
            f"{result['cpu_s']:8.3f} {result['peak_mb']:8.0f} "
            f"{share:11.3f} {recall}"
        )
    for engine in engines[2:]:
        wall, cpu = (results[engine][t] / results["sparse"][t] for t in ("search_s", "cpu_s"))
        print(f"{engine} takes {wall:.2f} times the wall time of sparse, {cpu:.2f} its processor's")
    print(f"index on disk: {results['sparse']['disk_mb']:.0f} MB")
    if options.data:
        show_cranfield(options.data / "cranfield")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with corpus, science_exam, cranfield")
    parser.add_argument("--passages", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine is None:
        show(options)
        return
    if options.engine.startswith("sparse"):
        result = run_sparse(options, pruned=options.engine == "sparse")
    else:
        result = run_bm25s(options, options.engine.removeprefix("bm25s-"))
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
