"""Retrieve passages for queries, and attach them to the questions of an exam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, get_args

from llmexam.errors import SettingsError, nearest
from llmexam.evidence.fusion import fuse_passages
from llmexam.evidence.queries import QueryForm, make_queries
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question

Given = Literal["keep", "drop", "append"]

FUSION_DEPTH = 50
"""Passages asked for each query where a question has several, before they are fused."""


class Retriever(Protocol):
    """Interface of a retriever."""

    def retrieve(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""
        ...


class Searchable(Protocol):
    """Interface of a searchable index."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first, with scores."""
        ...


class PassageReranker(Protocol):
    """Interface of a reranker."""

    @property
    def depth(self) -> int:
        """Number of top passages to rerank."""
        ...

    def rerank(
        self, questions: Sequence[Question], found: Sequence[Sequence[Passage]], k: int
    ) -> list[list[Passage]]:
        """Return the k best of each question's retrieved passages, best first, with scores."""
        ...


class IndexRetriever:
    """Searches one index, or several with reciprocal rank fusion.

    Args:
        indexes: The indexes. With one, passages keep its scores; with several, they get fused
            scores.
        depth: Passages retrieved from each of several indexes per query; at least k.
    """

    def __init__(self, *indexes: Searchable, depth: int = 100) -> None:
        if not indexes:
            raise SettingsError("a retriever needs at least one index")
        self._indexes = indexes
        self._depth = depth

    def retrieve(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """Return at most k passages for every query, best first."""
        if len(self._indexes) == 1:
            return self._indexes[0].search(queries, k)
        depth = max(k, self._depth)
        rankings = [index.search(queries, depth) for index in self._indexes]
        return [fuse_passages(of_query, k) for of_query in zip(*rankings, strict=True)]


def check_given(given: str) -> None:
    """Check the name of a treatment of given passages (see `attach_passages`).

    Raises:
        SettingsError: The name is unknown.
    """
    if given not in get_args(Given):
        raise SettingsError(
            f"unknown treatment of given passages: '{given}'",
            field="given",
            hint=nearest(given, get_args(Given)),
        )


def searched_questions(exam: Exam, given: Given) -> list[int]:
    """Return the places of the questions that passages are searched for.

    Raises:
        SettingsError: `given` is unknown.
    """
    check_given(given)
    return [n for n, q in enumerate(exam) if not (given == "keep" and q.passages)]


def with_found(exam: Exam, places: Sequence[int], found: Iterable[Question]) -> Exam:
    """Return the exam with the passages of the questions that were searched for.

    Args:
        exam: The exam.
        places: What `searched_questions` returned.
        found: These questions in the same order, with passages.
    """
    passages = [question.passages for question in exam]
    for place, question in zip(places, found, strict=True):
        passages[place] = question.passages
    return exam.with_passages(passages)


def attach_passages(
    exam: Exam,
    retriever: Retriever,
    *,
    query_form: QueryForm = "prompt+each-option",
    k: int = 4,
    given: Given = "keep",
    reranker: PassageReranker | None = None,
) -> Exam:
    """Return the exam with retrieved passages attached to its questions, best first.

    Args:
        exam: The exam; its answers are not used.
        retriever: The retriever.
        query_form: Query formulation (see `make_queries`).
        k: Maximum number of retrieved passages per question.
        given: Treatment of passages that questions already have. `keep`: such questions keep
            them and are not searched. `drop`: retrieved passages replace them. `append`:
            retrieved passages with other texts are added after them.
        reranker: Selects the k passages from the top retrieved ones; given passages are not
            reranked.

    Raises:
        SettingsError: The query form or `given` is unknown, or k is below 1.
    """
    asking = [exam[n] for n in searched_questions(exam, given)]
    if k < 1:
        raise SettingsError(f"expected k of at least 1, got {k}", field="k")
    queries = [make_queries(question, query_form) for question in asking]
    flat = [query for of_question in queries for query in of_question]
    several = any(len(of_question) > 1 for of_question in queries)
    wanted = max(k, reranker.depth) if reranker else k
    n_requested = max(wanted, FUSION_DEPTH) if several else wanted
    rankings = iter(retriever.retrieve(flat, n_requested) if flat else [])
    candidates: list[list[Passage]] = []
    for of_question in queries:
        lists = [next(rankings) for _ in of_question]
        candidates.append(lists[0][:wanted] if len(lists) == 1 else fuse_passages(lists, wanted))
    chosen = reranker.rerank(asking, candidates, k) if reranker else candidates
    found = {question.id: passages for question, passages in zip(asking, chosen, strict=True)}
    return exam.with_passages(
        [_joined(q.passages, found[q.id], given) if q.id in found else q.passages for q in exam]
    )


def _joined(
    given_passages: Sequence[Passage], found: Sequence[Passage], given: Given
) -> Sequence[Passage]:
    if given != "append":
        return found
    texts = {passage.text for passage in given_passages}
    return (*given_passages, *(passage for passage in found if passage.text not in texts))
