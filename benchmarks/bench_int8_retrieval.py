"""Compare retrieval with embeddings in int8 and fp32: recall@10, cosines and neighbours.

    python benchmarks/bench_int8_retrieval.py --cranfield FOLDER
    python benchmarks/bench_int8_retrieval.py --exam exam.jsonl --distractors passages.jsonl

Cranfield has judgements. In an exam, the passages of a question are the relevant ones, and the
question text is the query; distractors are drawn by seed 0. Passages and queries are encoded in the
same precision, as an index in that precision does.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from llmexam.evidence.cranfield import read_cranfield
from llmexam.exam.parsers import read_exam
from llmexam.lm.encoding.embedding import load_embedder

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cranfield", help="folder with cran.all.1400, cran.qry and cranqrel")
    parser.add_argument("--exam", help="exam with passages")
    parser.add_argument("--distractors", help="JSONL file with a key 'text'")
    parser.add_argument("--n-distractors", type=int, default=1000)
    parser.add_argument(
        "--precision", nargs="+", default=["fp32", "int8"], choices=["fp32", "bf16", "int8"]
    )
    arguments = parser.parse_args()
    if arguments.cranfield:
        compare("Cranfield", *cranfield(arguments.cranfield), arguments.precision)
    if arguments.exam:
        found = exam(arguments.exam, arguments.distractors, arguments.n_distractors)
        compare(Path(arguments.exam).name, *found, arguments.precision)


def cranfield(folder: str) -> tuple[list[str], list[str], list[set[int]]]:
    """Return passages, queries, and the indices of each query's relevant passages."""
    found = read_cranfield(folder)
    passages = [f"{p.title}\n{p.text}" if p.title else p.text for p in found.documents]
    place = {p.id: i for i, p in enumerate(found.documents)}
    relevant = {
        query: {place[d] for d, grade in grades.items() if grade > 0 and d in place}
        for query, grades in found.judgements.items()
    }
    queries = [query for query in found.queries if relevant.get(query)]
    return passages, [found.queries[q] for q in queries], [relevant[q] for q in queries]


def exam(
    path: str, distractors: str | None, n_distractors: int
) -> tuple[list[str], list[str], list[set[int]]]:
    """Return the same for an exam."""
    place: dict[str, int] = {}
    queries, relevant = [], []
    for question in read_exam(path).questions:
        if question.passages:
            own = {place.setdefault(p.text, len(place)) for p in question.passages}
            queries.append(question.prompt)
            relevant.append(own)
    if distractors:
        lines = Path(distractors).read_text("utf-8").splitlines()
        for i in np.random.default_rng(0).choice(len(lines), n_distractors, replace=False):
            place.setdefault(json.loads(lines[i])["text"], len(place))
    return list(place), queries, relevant


def compare(
    name: str,
    passages: list[str],
    queries: list[str],
    relevant: list[set[int]],
    precisions: list[str],
) -> None:
    """Print the figures of each precision; the first is the reference."""
    print(f"{name}: {len(passages)} passages, {len(queries)} queries")
    reference = tops = None
    for precision in precisions:
        embedder = load_embedder(precision=precision)
        vectors = embedder.encode(passages, kind="passage")
        scores = embedder.encode(queries, kind="query") @ vectors.T
        top = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        recall = np.mean(
            [
                len(own & set(row.tolist())) / len(own)
                for own, row in zip(relevant, top, strict=True)
            ]
        )
        if reference is None or tops is None:
            reference, tops = vectors, top
        cosines = (vectors * reference).sum(1)
        same = np.mean([len(set(a) & set(b)) / K for a, b in zip(top, tops, strict=True)])
        print(
            f"  {precision}: recall@{K} {recall:.4f}, the same {same:.1%} of the first {K}; cosine "
            f"lowest {cosines.min():.5f}, 1 % quantile {np.quantile(cosines, 0.01):.5f}, "
            f"mean {cosines.mean():.5f}"
        )


if __name__ == "__main__":
    main()
