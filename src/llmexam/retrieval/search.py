"""Search indexes for queries or exams, and measure retrieval quality."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import CorpusError, SettingsError
from llmexam.evidence.encoder import Encoder
from llmexam.evidence.index.kinds import uses_model
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import open_index
from llmexam.evidence.judgements import RankingQuality, judge, read_qrels
from llmexam.evidence.queries import QueryForm, parse_query_form
from llmexam.evidence.retriever import (
    Given,
    IndexRetriever,
    PassageReranker,
    Retriever,
    attach_passages,
    searched_questions,
    with_found,
)
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.parsers import ExamSource
from llmexam.exam.parsers.files import ExamPath
from llmexam.exam.question import Passage, Question

QUESTIONS_A_CALL = 256
"""Questions whose passages are searched for at once, which bounds the memory of what is found."""


@dataclass(frozen=True, slots=True)
class Found:
    """Passages retrieved for one query or question.

    Attributes:
        id: Id of the question, or the query's place, from 1.
        query: The query, or the question's prompt.
        passages: Best first.
    """

    id: str
    query: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """Result of a search.

    Attributes:
        found: One entry for every query or question.
        seconds: Time of the search itself, without opening the index.
        quality: Recall, MRR and nDCG, where judgements were given.
    """

    found: tuple[Found, ...]
    seconds: float
    quality: RankingQuality | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values."""
        return {
            "found": [asdict(one) for one in self.found],
            "seconds": self.seconds,
            "quality": None if self.quality is None else self.quality.as_dict(),
        }


def open_retriever(
    indexes: str | Path | Sequence[str | Path],
    *,
    encoder: Encoder | None = None,
    model: str | None = None,
) -> Retriever:
    """Open one index, or several whose rankings are fused by reciprocal rank.

    Arguments are those of `open_index`.

    Raises:
        EvidenceIndexError: An index cannot be used.
        MissingDependencyError: One is dense, and the extra `encoders` is not installed.
    """
    folders = [indexes] if isinstance(indexes, str | Path) else indexes
    return IndexRetriever(*(open_index(folder, encoder=encoder, model=model) for folder in folders))


def check_model_is_used(
    indexes: str | Path | Sequence[str | Path], model: str | None, *, field: str = "model"
) -> None:
    """Check that a bi-encoder is given only if one of the indexes is dense.

    Args:
        indexes: The indexes that are searched.
        model: The bi-encoder, or None where none is named.
        field: The name of that setting, for the error text.

    Raises:
        EvidenceIndexError: An index cannot be used.
        SettingsError: A model is named, and none of the indexes is dense.
    """
    folders = [indexes] if isinstance(indexes, str | Path) else indexes
    if model is None or any(uses_model(read_manifest(folder).kind) for folder in folders):
        return
    raise SettingsError(
        f"model '{model}' is given, but none of the indexes is dense",
        field=field,
        hint="Add a dense index, or remove the model",
    )


def search_index(
    indexes: str | Path | Sequence[str | Path],
    queries: Sequence[str] | Mapping[str, str],
    *,
    k: int = 10,
    judgements: str | Path | None = None,
    encoder: Encoder | None = None,
    model: str | None = None,
) -> SearchSummary:
    """Search indexes for queries.

    Args:
        indexes: One index, or several to be fused.
        queries: Texts, which get the ids 1, 2, 3 and so on, or a mapping from id to text.
        k: Passages a query gets at most.
        judgements: A file of TREC judgements to measure the rankings by. At least 100 passages
            a query are then found and k of them returned.
        encoder: For dense indexes; None loads the model the index names.
        model: The model of dense indexes that name one on the hub.

    Raises:
        EvidenceIndexError: An index cannot be used.
        CorpusError: The judgements cannot be read, or judge none of the queries.
    """
    if not isinstance(queries, Mapping):
        queries = {str(place): query for place, query in enumerate(queries, 1)}
    if not queries:
        raise SettingsError("no query is given", hint="Give queries or an exam")
    check_model_is_used(indexes, model)
    retriever = open_retriever(indexes, encoder=encoder, model=model)
    start = time.perf_counter()
    rankings = retriever.retrieve(list(queries.values()), _depth(k, judgements))
    seconds = time.perf_counter() - start
    found = [
        Found(id_, query, tuple(passages))
        for (id_, query), passages in zip(queries.items(), rankings, strict=True)
    ]
    return _summary(found, k, seconds, judgements)


def search_exam(
    indexes: str | Path | Sequence[str | Path],
    exam: Exam,
    *,
    query_form: QueryForm = "prompt+each-option",
    k: int = 10,
    judgements: str | Path | None = None,
    encoder: Encoder | None = None,
    model: str | None = None,
) -> SearchSummary:
    """Search indexes for the questions of an exam; passages of the exam file are ignored.

    Arguments and errors are those of `search_index` and `attach_passages`; judgements go by the
    ids of the questions.
    """
    check_model_is_used(indexes, model)
    retriever = open_retriever(indexes, encoder=encoder, model=model)
    start = time.perf_counter()
    with_passages = attach_passages(
        exam, retriever, query_form=query_form, k=_depth(k, judgements), given="drop"
    )
    seconds = time.perf_counter() - start
    found = [Found(q.id, q.prompt, q.passages) for q in with_passages]
    return _summary(found, k, seconds, judgements)


def search_exam_file(
    indexes: str | Path | Sequence[str | Path],
    exam: ExamSource | ExamPath,
    *,
    query_form: str = "prompt+each-option",
    k: int = 10,
    judgements: str | Path | None = None,
    model: str | None = None,
) -> SearchSummary:
    """Search indexes for the questions of an exam file; `bundled` is the sample exam.

    Arguments and errors are those of `search_exam` and `read_exam`.
    """
    form = parse_query_form(query_form)
    return search_exam(
        indexes, load_exam(exam), query_form=form, k=k, judgements=judgements, model=model
    )


def attach_evidence(
    exam: Exam,
    indexes: str | Path | Sequence[str | Path],
    *,
    query_form: QueryForm = "prompt+each-option",
    k: int = 4,
    given: Given = "keep",
    encoder: Encoder | None = None,
    model: str | None = None,
    reranker: PassageReranker | None = None,
    progress: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> Exam:
    """Return the exam with passages from one or more indexes (see `attach_passages`).

    `progress` is called with the number of questions that were searched for, and of all of these.

    Raises:
        EvidenceIndexError: An index cannot be used.
    """
    retriever = open_retriever(indexes, encoder=encoder, model=model)
    asking = searched_questions(exam, given)
    found: list[Question] = []
    # At least one call, because it also checks the settings.
    for start in range(0, max(1, len(asking)), QUESTIONS_A_CALL):
        some = Exam(tuple(exam[place] for place in asking[start : start + QUESTIONS_A_CALL]))
        found += attach_passages(
            some, retriever, query_form=query_form, k=k, given=given, reranker=reranker
        )
        progress(len(found), len(asking))
    return with_found(exam, asking, found)


def _depth(k: int, judgements: str | Path | None) -> int:
    # recall@100 needs 100 results.
    return k if judgements is None else max(k, 100)


def _summary(
    found: Sequence[Found], k: int, seconds: float, judgements: str | Path | None
) -> SearchSummary:
    quality = None
    if judgements is not None:
        grades = read_qrels(judgements)
        # A judgements file may cover more queries than were searched.
        known = {one.id for one in found}
        judged = {query: grade for query, grade in grades.items() if query in known}
        if not judged:
            raise CorpusError(
                "none of the queries has a judgement",
                file=judgements,
                hint=f"Ids in the judgements: {', '.join(list(grades)[:3])}; ids of the "
                f"queries: {found[0].id}",
            )
        quality = judge({one.id: [p.id for p in one.passages] for one in found}, judged)
    return SearchSummary(
        tuple(Found(one.id, one.query, one.passages[:k]) for one in found), seconds, quality
    )
