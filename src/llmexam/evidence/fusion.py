"""Reciprocal rank fusion of several rankings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

from llmexam.exam.question import Passage

RRF_K = 60

T = TypeVar("T", bound=Hashable)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[T]], *, constant: float = RRF_K
) -> list[tuple[T, float]]:
    """Return all items of the rankings with their fused scores, best first.

    The score of an item is the sum of 1 / (constant + rank) over the rankings it is in, where
    the first rank is 1; an item that repeats within a ranking counts once, at its best rank.
    Equal scores go in order of first appearance, ranking by ranking; no rankings give an empty
    list.

    Source: Cormack, Clarke and Buettcher, Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods, SIGIR 2009; its constant is 60.

    >>> reciprocal_rank_fusion([["a", "b"], ["b", "c"]], constant=0)
    [('b', 1.5), ('a', 1.0), ('c', 0.5)]
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), 1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (constant + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


def fuse_passages(rankings: Sequence[Sequence[Passage]], k: int) -> list[Passage]:
    """Return the k best passages of several rankings by reciprocal rank fusion.

    Passages with the same id and text count as one; the result carries the fused score.
    """
    first: dict[tuple[str, str], Passage] = {}
    keyed = []
    for ranking in rankings:
        keyed.append([(passage.id, passage.text) for passage in ranking])
        for key, passage in zip(keyed[-1], ranking, strict=True):
            first.setdefault(key, passage)
    fused = reciprocal_rank_fusion(keyed)[:k]
    return [replace(first[key], score=score) for key, score in fused]
