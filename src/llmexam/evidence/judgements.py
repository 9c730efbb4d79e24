"""Retrieval metrics against relevance judgements: recall@k, MRR and nDCG@10."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

from llmexam.errors import CorpusError
from llmexam.evidence.index.passage_store import document_of

Judgements = dict[str, dict[str, int]]
"""Query id to document id to grade: 0 is not relevant, higher is more relevant."""


@dataclass(frozen=True, slots=True)
class RankingQuality:
    """Means of the retrieval metrics over queries with at least one relevant document.

    Attributes:
        n_queries: Number of these queries.
        recall: k to recall@k.
        mrr: Mean reciprocal rank of the first relevant document; 0 for a query without any.
        ndcg_at_10: Normalised discounted cumulative gain of the first ten.
    """

    n_queries: int
    recall: Mapping[int, float]
    mrr: float
    ndcg_at_10: float

    def as_dict(self) -> dict[str, float]:
        """Return a dictionary with `recall@10`, `mrr`, `ndcg@10` and `n_queries`."""
        recall = {f"recall@{k}": value for k, value in self.recall.items()}
        return {"n_queries": self.n_queries, **recall, "mrr": self.mrr, "ndcg@10": self.ndcg_at_10}


def recall_at_k(ranking: Sequence[str], relevant: Iterable[str], k: int) -> float:
    """Return the share of the relevant documents that are among the first k of a ranking.

    With no relevant document it is 0.

    >>> recall_at_k(["a", "x", "b"], ["a", "b"], k=2)
    0.5
    """
    wanted = set(relevant)
    return len(wanted.intersection(ranking[:k])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Iterable[str]) -> float:
    """Return 1 over the rank of the first relevant document, or 0 where there is none.

    >>> reciprocal_rank(["x", "a", "b"], ["a", "b"])
    0.5
    """
    wanted = set(relevant)
    return next((1 / rank for rank, id_ in enumerate(ranking, 1) if id_ in wanted), 0.0)


def ndcg_at_k(ranking: Sequence[str], grades: Mapping[str, int], k: int = 10) -> float:
    """Return the normalised discounted cumulative gain of the first k documents.

    The gain of a document is its grade (0 where not judged), the discount log2(rank + 1), as
    trec_eval computes it. With no relevant document it is 0.

    Source: Jarvelin and Kekalainen, Cumulated gain-based evaluation of IR techniques, 2002.

    >>> round(ndcg_at_k(["x", "a"], {"a": 1}), 4)
    0.6309
    """
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    if not ideal:
        return 0.0
    gain = _discounted([max(0, grades.get(id_, 0)) for id_ in ranking[:k]])
    return gain / _discounted(ideal)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def judge(
    rankings: Mapping[str, Sequence[str]],
    judgements: Judgements,
    *,
    cutoffs: Sequence[int] = (10, 100),
) -> RankingQuality:
    """Return the quality of rankings by relevance judgements.

    A passage id (`doc#3`) counts as its document's id unless the passage itself is judged;
    repeated documents in a ranking are ignored.

    Args:
        rankings: Query id to ids, best first. A judged query that is missing counts as empty.
        judgements: Query id to grades. Queries without a relevant document are left out.
        cutoffs: The k of recall@k.
    """
    recall = dict.fromkeys(cutoffs, 0.0)
    mrr = ndcg = 0.0
    n_queries = 0
    for query, grades in judgements.items():
        relevant = [id_ for id_, grade in grades.items() if grade > 0]
        if not relevant:
            continue
        n_queries += 1
        ids = rankings.get(query, ())
        ranking = list(dict.fromkeys(id_ if id_ in grades else document_of(id_) for id_ in ids))
        for k in cutoffs:
            recall[k] += recall_at_k(ranking, relevant, k)
        mrr += reciprocal_rank(ranking, relevant)
        ndcg += ndcg_at_k(ranking, grades)
    n = max(1, n_queries)
    return RankingQuality(n_queries, {k: r / n for k, r in recall.items()}, mrr / n, ndcg / n)


def read_qrels(path: str | Path) -> Judgements:
    """Read relevance judgements in TREC qrels format: `query 0 document grade` per line.

    Three columns (`query document grade`) are read too. A header line is skipped.

    Raises:
        CorpusError: A line has another format, or the file holds no judgement.
    """
    judgements: Judgements = {}
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CorpusError("expected UTF-8 text", file=file) from None
    for row, line in enumerate(lines, 1):
        cells = line.split()
        if not cells:
            continue
        try:
            grade = int(cells[-1])
            if len(cells) not in (3, 4):
                raise ValueError
        except ValueError:
            if row == 1 and not cells[-1].lstrip("-").isdigit():
                continue
            raise CorpusError(
                "expected a relevance judgement",
                file=file,
                row=row,
                hint="Write: query 0 document grade",
            ) from None
        judgements.setdefault(cells[0], {})[cells[-2]] = grade
    if not judgements:
        raise CorpusError("the file contains no judgements", file=file)
    return judgements
