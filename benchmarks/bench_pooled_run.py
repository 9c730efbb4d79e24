"""Measure the time of a whole run with the core install, from the command to the report.

The reference does what a notebook typically does, on the same files: bm25s over the pooled
passages, the three best passages for prompt + options, and the share of an option's word n-grams
found in them. bm25s selects with numpy, as it does where jax is not installed. The notebook does
not grade, explain or report anything, so the ratio favours it.

    python benchmarks/bench_pooled_run.py [--runs 3]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from llmexam import sample

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("LLMEXAM_SHARED_DATA", HERE.parents[2] / "shared" / "data"))


def files() -> tuple[Path, list[Path], Path | None]:
    """Return the exam, the corpora, and a training file whose contexts are passages too."""
    if not DATA.is_dir():
        return sample.EXAM_PATH, [sample.CORPUS_PATH], None
    corpora = [
        DATA / "corpus" / "wikipedia_passages_979.jsonl",
        DATA / "corpus" / "openstax_passages_19324.jsonl",
    ]
    science = DATA / "science_exam"
    return science / "official_200.csv", corpora, science / "train_with_context.csv"


def run_llmexam(folder: Path) -> tuple[float, dict[str, object]]:
    """Run the plan in a process of its own; return seconds and what it printed as JSON."""
    exam, corpora, training = files()
    corpus: list[object] = [str(path) for path in corpora]
    if training is not None:
        corpus.append({"path": str(training), "fields": {"text": "context"}})
    plan = folder / "plan.yaml"
    plan.write_text(
        yaml.safe_dump({"exam": str(exam), "evidence": {"corpus": corpus}, "solvers": ["lexical"]})
    )
    code = (
        "import sys; from llmexam.__main__ import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "run", str(plan), "--out", str(folder / "out"), "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    if done.stderr.split()[-1] != "False":
        sys.exit("torch was imported")
    return seconds, json.loads(done.stdout)


def run_notebook() -> tuple[float, float]:
    """Do as a notebook does, in this process; return seconds and MAP@3."""
    import bm25s

    start = time.perf_counter()
    exam, corpora, training = files()
    texts = [json.loads(line)["text"] for path in corpora for line in path.open(encoding="utf-8")]
    if training is not None:
        with training.open(encoding="utf-8-sig", newline="") as stream:
            texts += [row["context"] for row in csv.DictReader(stream)]
    with exam.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    retriever = bm25s.BM25()
    retriever.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    queries = [" ".join([row["prompt"], *(row[c] for c in "ABCDE")]) for row in rows]
    tokens = bm25s.tokenize(queries, stopwords="en", show_progress=False)
    found, _ = retriever.retrieve(tokens, k=3, show_progress=False, backend_selection="numpy")
    earned = 0.0
    for row, places in zip(rows, found, strict=True):
        context = words(" ".join(texts[i] for i in places))
        have = [grams(context, n) for n in range(1, 6)]
        scores = [overlap(words(row[c]), have) for c in "ABCDE"]
        order = sorted(range(5), key=lambda i: -scores[i])[:3]
        answer = "ABCDE".index(row["answer"])
        earned += 1 / (order.index(answer) + 1) if answer in order else 0
    return time.perf_counter() - start, earned / len(rows)


def words(text: str) -> list[str]:
    """Return the lower-case words of a text."""
    return re.findall(r"\w+", text.lower())


def grams(text: list[str], n: int) -> set[tuple[str, ...]]:
    """Return the n-grams of a list of words."""
    return {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}


def overlap(option: list[str], have: list[set[tuple[str, ...]]]) -> float:
    """Return the sum over n of the share of n-grams that are in the context."""
    total = 0.0
    for n, known in enumerate(have, 1):
        wanted = grams(option, n)
        total += len(wanted & known) / max(1, len(wanted))
    return total


def main() -> None:
    """Run both in turn and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    ours, notebook = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            seconds, metrics = run_llmexam(Path(folder))
        ours.append(seconds)
        seconds, earned = run_notebook()
        notebook.append(seconds)
    score = metrics["final"]["metrics"][0]["estimate"]["value"]
    print(f"llmexam run, command to report: {statistics.median(ours):.2f} s, MAP@3 {score:.4f}")
    print(
        f"notebook (bm25s + overlap), answers only: {statistics.median(notebook):.2f} s, "
        f"MAP@3 {earned:.4f}"
    )
    ratio = statistics.median(n / o for n, o in zip(notebook, ours, strict=True))
    print(f"ratio notebook / llmexam: {ratio:.2f} (median of {runs}); torch was not imported")


if __name__ == "__main__":
    main()
