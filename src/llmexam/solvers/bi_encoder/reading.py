"""Embed and match questions in batches, encoding every distinct text once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.selection import Sentence
from llmexam.exam.question import Question
from llmexam.solvers.bi_encoder.encoding import (
    QueryText,
    closed_book_texts,
    evidence_texts,
    query_texts,
)
from llmexam.solvers.bi_encoder.matching import Match, match_options

if TYPE_CHECKING:
    from llmexam.lm.encoding.embedding import Embedder, TokenVectors

# Characters of evidence per batch; token vectors take about 180 bytes per character.
_CHUNK_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The match of one question.

    Attributes:
        question: The question.
        closeness: Cosine of prompt and option, shape `[n_options]`; 0 with evidence, where it
            is not computed.
        match: Match of the evidence with the options; None without evidence.
        evidence: The sentences, in the order of `match`.
        truncated: Whether a text exceeded the context length.
    """

    question: Question
    closeness: NDArray[np.float64]
    match: Match | None
    evidence: tuple[Sentence, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class _Evidence:
    texts: tuple[Sentence, ...]
    vectors: NDArray[np.float32]
    tokens: list[TokenVectors]


def read_questions(
    questions: Sequence[Question], embedder: Embedder, *, layer: int, relevance: float
) -> Iterator[Reading]:
    """Yield a reading of each question, in order.

    Args:
        questions: The questions.
        embedder: The model.
        layer: The layer of the token vectors; see `Embedder.embed_tokens`.
        relevance: See `match_options`.

    Raises:
        ModelError: The model has no such layer.
    """
    for chunk in _chunks(questions):
        evidence = _read_evidence(chunk, embedder, layer)
        backed = [(q, e) for q, e in zip(chunk, evidence, strict=True) if e.texts]
        alone = [q for q, e in zip(chunk, evidence, strict=True) if not e.texts]
        with_evidence = iter(_compare(backed, embedder, layer, relevance))
        without = iter(_compare_alone(alone, embedder))
        for found in evidence:
            yield next(with_evidence if found.texts else without)


def _chunks(questions: Sequence[Question]) -> Iterator[list[Question]]:
    chunk: list[Question] = []
    n_characters = 0
    for question in questions:
        chunk.append(question)
        n_characters += sum(len(passage.text) for passage in question.passages)
        n_characters += len(question.prompt) * len(question.options)
        if n_characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, n_characters = [], 0
    if chunk:
        yield chunk


def _read_evidence(chunk: list[Question], embedder: Embedder, layer: int) -> list[_Evidence]:
    texts = [evidence_texts(question.passages) for question in chunk]
    vectors, tokens = embedder.embed_tokens(
        [piece.text for own in texts for piece in own], layer=layer, kind="passage"
    )
    found = []
    begin = 0
    for own in texts:
        # Some texts, such as a single control character, have no token.
        kept = [i for i in range(len(own)) if len(tokens[begin + i].ids)]
        rows = [begin + i for i in kept]
        found.append(
            _Evidence(tuple(own[i] for i in kept), vectors[rows], [tokens[row] for row in rows])
        )
        begin += len(own)
    return found


def _compare(
    backed: list[tuple[Question, _Evidence]], embedder: Embedder, layer: int, relevance: float
) -> Iterator[Reading]:
    queries = [
        query_texts(
            question, lambda texts: embedder.count_tokens(texts, kind="query"), embedder.max_tokens
        )
        for question, _ in backed
    ]
    vectors, tokens = embedder.embed_tokens(
        [query.text for own in queries for query in own], layer=layer, kind="query"
    )
    prompts = embedder.encode([question.prompt for question, _ in backed], kind="query")
    begin = 0
    for place, ((question, evidence), own) in enumerate(zip(backed, queries, strict=True)):
        end = begin + len(own)
        read = tokens[begin:end]
        match = match_options(
            prompts[place],
            vectors[begin:end],
            [_option_part(query, text) for query, text in zip(own, read, strict=True)],
            evidence.vectors,
            evidence.tokens,
            relevance=relevance,
        )
        cut = any(query.prompt_cut for query in own) or any(
            text.cut for text in (*read, *evidence.tokens)
        )
        yield Reading(question, np.zeros(len(own)), match, evidence.texts, cut)
        begin = end


def _option_part(query: QueryText, tokens: TokenVectors) -> TokenVectors:
    kept = tokens.starts >= query.option_start
    return replace(
        tokens, ids=tokens.ids[kept], starts=tokens.starts[kept], vectors=tokens.vectors[kept]
    )


def _compare_alone(alone: list[Question], embedder: Embedder) -> Iterator[Reading]:
    texts = [closed_book_texts(question) for question in alone]
    prompts = embedder.embed([prompt for prompt, _ in texts], kind="query")
    options = embedder.embed([option for _, own in texts for option in own], kind="passage")
    begin = 0
    for i, question in enumerate(alone):
        end = begin + len(question.options)
        closeness = (options.vectors[begin:end] @ prompts.vectors[i]).astype(np.float64)
        cut = bool(prompts.cut[i] or options.cut[begin:end].any())
        yield Reading(question, closeness, None, (), cut)
        begin = end
