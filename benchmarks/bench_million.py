"""Measure an index in parts at 1,000,000 passages against bm25s, and against one exact index.

    python benchmarks/bench_million.py --data FOLDER

The corpus is written to a temporary folder: real passages, and passages of five real sentences
drawn at random with a seed, all distinct. Two kinds of queries are searched: 500 whose source is
known (two sentences of a passage, two words of three, shuffled), and 500 prompts of exams with
their options.

Each engine runs in a process of its own and reads the same file. `bm25s` has its own tokenizer,
stop words and k1 = 1.5, as its users have, and selects the best passages with numpy; where jax is
installed, it would select with jax by default, which is timed, too. `bm25s, numba` is the same
with its numba backend, where numba is installed: building includes compiling, queries do not.
`bm25s, same terms` gets the terms of our analyser (stemmed, the stop words of our queries left out)
and k1 = 1.2, so it differs in the engine alone; its lengths of passages are exact, those of tantivy
rounded to a byte. k = 10 for all. bm25s returns numbers of passages, the index returns texts. To
measure engine by engine on a busy machine, keep the corpus and the results in a folder:
`--work FOLDER --engine NAME`, and `--show`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from bench_sparse_index import given_ids, overlap, passages, queries
from llmexam.evidence.chunking import drop_duplicates
from llmexam.evidence.index.analysis import SearchSettings, analysable, build_analyzer
from llmexam.evidence.index.opening import open_index
from llmexam.evidence.sentences import split_sentences
from llmexam.retrieval.build import build_index
from process_memory import Memory

K = 10
SEED = 7
ENGINES = ("parts", "one index", "bm25s", "bm25s, same terms", "bm25s, numba")
Ranking = list[list[str]]


def write_corpus(options: argparse.Namespace) -> None:
    """Write the passages and the queries."""
    random_queries = random.Random(SEED)
    sources = set(random_queries.sample(range(options.passages), options.queries))
    known: dict[str, str] = {}
    corpus = options.work / "corpus.jsonl"
    with corpus.open("wb") as file:
        # Some real passages repeat, and so do some recombined ones.
        more = options.passages + options.passages // 10 + 1000
        distinct = drop_duplicates(passages(options.data, more))
        for number, passage in enumerate(islice(distinct, options.passages)):
            record = {"id": passage.id, "title": passage.title, "text": passage.text}
            file.write(orjson.dumps(record) + b"\n")
            if number in sources:
                known[passage.id] = known_query(passage.text, random_queries)
    asked = {"known": known, "exam": queries(options.data, options.queries)}
    (options.work / "queries.json").write_text(json.dumps(asked))


def known_query(text: str, dice: random.Random) -> str:
    sentences = [text[a:b] for a, b in split_sentences(text)]
    words = " ".join(dice.sample(sentences, min(2, len(sentences)))).split()
    kept = dice.sample(words, max(1, 2 * len(words) // 3))
    return " ".join(kept)


def read_queries(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    asked = json.loads((options.work / "queries.json").read_text())
    return list(asked["known"].values())[: options.queries], asked["exam"][: options.queries]


def cpu_seconds() -> float:
    """Return the processor time of this process, and of its processes that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return wall time and processor time, in seconds, and the result."""
    start, cpu = time.perf_counter(), cpu_seconds()
    found = work()
    return time.perf_counter() - start, cpu_seconds() - cpu, found


def run_sparse(options: argparse.Namespace, *, in_parts: bool) -> dict[str, Any]:
    folder = options.work / ("index-parts" if in_parts else "index-one")
    memory = Memory(os.getpid())
    build_s, build_cpu_s, summary = timed(
        lambda: build_index(
            options.work / "corpus.jsonl",
            folder,
            chunking=None,
            parts=options.parts if in_parts else None,
            n_workers=options.threads if in_parts else None,
        )
    )
    build_mb = memory.stop()
    open_s, _, index = timed(lambda: open_index(folder))
    known, exam = read_queries(options)
    settings = SearchSettings(threads=options.threads)
    index.search([*known[:20], *exam[:20]], K, settings)
    rankings: dict[str, Ranking] = {}
    seconds, cpu_s = {}, {}
    for name, asked in (("known", known), ("exam", exam)):
        seconds[name], cpu_s[name], found = timed(
            lambda asked=asked: index.search(asked, K, settings)
        )
        rankings[name] = [[p.id for p in hits] for hits in found]
        exact = index.search(asked, K, settings.model_copy(update={"budget": None}))
        rankings[f"{name} exact"] = [[p.id for p in hits] for hits in exact]
        scores = [p.score for hits in exact for p in hits]
        rankings[f"{name} scores"] = [[repr(score) for score in scores]]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "build_s": build_s,
        "build_cpu_s": build_cpu_s,
        "build_mb": build_mb,
        "open_s": open_s,
        "disk_mb": size / 1e6,
        "search_s": seconds,
        "search_cpu_s": cpu_s,
        "rankings": rankings,
        "n_passages": summary.n_passages,
    }


def run_bm25s(
    options: argparse.Namespace, *, same_terms: bool, backend: str = "numpy"
) -> dict[str, Any]:
    import bm25s

    known, exam = read_queries(options)
    analyzer = build_analyzer(stop_words=True)

    def tokens(texts: list[str]) -> Any:
        if not same_terms:
            return bm25s.tokenize(texts, stopwords="en", show_progress=False)
        vocabulary: dict[str, int] = {}
        numbers = [
            [
                vocabulary.setdefault(term, len(vocabulary))
                for term in analyzer.analyze(analysable(text, is_query=True))
            ]
            for text in texts
        ]
        return bm25s.tokenization.Tokenized(ids=numbers, vocab=vocabulary)

    start, cpu = time.perf_counter(), cpu_seconds()
    ids, texts = [], []
    for record in records(options.work / "corpus.jsonl"):
        ids.append(record["id"])
        texts.append(f"{record['title']}\n{record['text']}")
    model = bm25s.BM25(backend=backend, k1=1.2 if same_terms else 1.5)
    model.index(tokens(texts), show_progress=False)
    del texts
    model.save(options.work / "bm25s", show_progress=False)
    build_s, build_cpu_s = time.perf_counter() - start, cpu_seconds() - cpu
    build_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    open_s, _, _ = timed(lambda: bm25s.BM25.load(options.work / "bm25s", mmap=True))

    def search(asked: list[str], selection: str) -> Ranking:
        numbers = model.retrieve(
            tokens(asked),
            k=K,
            show_progress=False,
            n_threads=options.threads,
            backend_selection=selection,
        )[0]
        return [[ids[number] for number in row] for row in numbers.tolist()]

    rankings: dict[str, Ranking] = {}
    seconds, cpu_s = {}, {}
    jax_s: dict[str, float] = {}
    others = ["jax"] if backend == "numpy" and find_spec("jax") else []
    for selection in (backend, *others):
        search([*known[:20], *exam[:20]], selection)
        for name, asked in (("known", known), ("exam", exam)):
            wall, cpu_used, found = timed(
                lambda asked=asked, selection=selection: search(asked, selection)
            )
            if selection == "jax":
                jax_s[name] = wall
            else:
                seconds[name], cpu_s[name], rankings[name] = wall, cpu_used, found
    size = sum(file.stat().st_size for file in (options.work / "bm25s").iterdir())
    return {
        "build_s": build_s,
        "build_cpu_s": build_cpu_s,
        "build_mb": build_mb,
        "open_s": open_s,
        "disk_mb": size / 1e6,
        "search_s": seconds,
        "search_cpu_s": cpu_s,
        "search_jax_s": jax_s,
        "rankings": rankings,
        "n_passages": len(ids),
    }


def records(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def run_engine(options: argparse.Namespace) -> None:
    if options.engine in ("parts", "one index"):
        result = run_sparse(options, in_parts=options.engine == "parts")
    else:
        backend = "numba" if options.engine == "bm25s, numba" else "numpy"
        same_terms = options.engine == "bm25s, same terms"
        result = run_bm25s(options, same_terms=same_terms, backend=backend)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    (options.work / f"{options.engine}.json").write_text(json.dumps(result))


def show(options: argparse.Namespace) -> None:
    results = {
        engine: json.loads((options.work / f"{engine}.json").read_text())
        for engine in ENGINES
        if (options.work / f"{engine}.json").is_file()
    }
    sources = [{id_} for id_ in json.loads((options.work / "queries.json").read_text())["known"]]
    given = given_ids(options.data) if options.data else []
    exact = results["parts"]["rankings"]
    print(
        f"{results['parts']['n_passages']:,} passages, {options.queries} queries of each kind, "
        f"k = {K}, {options.threads} threads, seed {SEED}"
    )
    print(
        "engine             build s   cpu s  peak MB  disk MB  open s  known s   cpu s  exam s   "
        "cpu s  known@10  given@10  of exact"
    )
    for engine, one in results.items():
        rankings, wall, cpu = one["rankings"], one["search_s"], one["search_cpu_s"]
        shares = [recall(sources, rankings["known"]), recall(given, rankings["exam"])]
        shared = sum(overlap(exact[f"{n} exact"], rankings[n]) for n in ("known", "exam")) / 2
        print(
            f"{engine:18} {one['build_s']:7.1f} {one['build_cpu_s']:7.1f} "
            f"{max(one['build_mb'], one['peak_mb']):8.0f} {one['disk_mb']:8.0f} "
            f"{one['open_s']:7.2f} {wall['known']:8.2f} {cpu['known']:7.2f} {wall['exam']:7.2f} "
            f"{cpu['exam']:7.2f} {shares[0]:9.4f} {shares[1]:9.4f} {shared:9.3f}"
        )
    if "one index" in results:
        whole = results["one index"]["rankings"]
        print(f"parts and one index give the same rankings and scores: {exact == whole}")
    for engine in ENGINES[2:]:
        if engine not in results:
            continue
        ours, theirs = results["parts"], results[engine]
        known, exam = (theirs["search_s"][n] / ours["search_s"][n] for n in ("known", "exam"))
        of_cpu = [theirs["search_cpu_s"][n] / ours["search_cpu_s"][n] for n in ("known", "exam")]
        print(
            f"{engine}: build {theirs['build_s'] / ours['build_s']:.2f} times as long (processor "
            f"{theirs['build_cpu_s'] / ours['build_cpu_s']:.2f}), queries of known source "
            f"{known:.1f} (processor {of_cpu[0]:.1f}), of exams {exam:.1f} ({of_cpu[1]:.1f})"
        )
        if theirs.get("search_jax_s"):
            known, exam = (
                theirs["search_jax_s"][n] / ours["search_s"][n] for n in ("known", "exam")
            )
            print(f"  selecting with jax: known source {known:.1f}, exams {exam:.1f}")


def recall(wanted: list[set[str]], found: Ranking) -> float:
    pairs = [(want, set(hits)) for want, hits in zip(wanted, found, strict=False) if want]
    n_wanted = sum(len(want) for want, _ in pairs)
    return sum(len(want & hits) for want, hits in pairs) / n_wanted if n_wanted else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with corpus and science_exam")
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, help="folder of the corpus and of results")
    parser.add_argument("--engine", choices=[*ENGINES, "corpus"], help="measure only this one")
    parser.add_argument("--show", action="store_true", help="only print the results")
    options = parser.parse_args()
    if options.show:
        show(options)
    elif options.engine is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        write_corpus(options) if options.engine == "corpus" else run_engine(options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            options.work = options.work or Path(folder)
            engines = [one for one in ENGINES if "numba" not in one or find_spec("numba")]
            for engine in ("corpus", *engines):
                own = ["--engine", engine, "--work", str(options.work)]
                subprocess.run([sys.executable, __file__, *sys.argv[1:], *own], check=True)
            show(options)


if __name__ == "__main__":
    main()
