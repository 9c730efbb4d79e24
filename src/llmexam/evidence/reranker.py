"""Rerank retrieved passages with a cross-encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import SettingsError
from llmexam.evidence.queries import QueryForm, make_queries
from llmexam.exam.question import Passage, Question
from llmexam.lm.models.card import read_card, read_card_values
from llmexam.lm.models.loading import resolve_model
from llmexam.lm.readers.pair_scoring import load_pair_scorer
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.settings.base import Settings
from llmexam.settings.kinds import ModelRef

if TYPE_CHECKING:
    from llmexam.lm.readers.pair_scoring import PairScores

FAMILY = "reranker"
"""What the card of a model says that was trained to rerank."""

# Pairs per call; bounds the memory of their tokens, about 2 kB per pair.
_PAIRS_A_CALL = 20_000


class RerankEncoding(Settings):
    """Settings of how query and passage are turned into tokens."""

    max_tokens: int = Field(
        256,
        ge=16,
        le=8192,
        description="longest pair of query and passage, in tokens, special tokens included",
    )
    query_form: QueryForm = Field(
        "prompt+options",
        description="query formulation; of several queries, the maximum score counts",
    )
    layout: Literal["query|passage", "passage|query"] = Field(
        "query|passage", description="order of query and passage; only the passage is truncated"
    )

    @property
    def cut(self) -> Literal["first", "second"]:
        """Which text of a pair may be truncated."""
        return "second" if self.layout == "query|passage" else "first"


class RerankerSettings(Settings):
    """A reranker of the retrieved passages."""

    shorthand = "model"

    model: ModelRef = Field(
        description="a model folder from `llmexam train`, or a published cross-encoder",
        min_length=1,
    )
    depth: int = Field(20, ge=1, le=1000, description="number of retrieved passages to rerank")
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto",
        description="numeric precision; 'auto' uses bf16 where the processor has fast bf16 "
        "arithmetic, else fp32; 'int8' is faster and less exact, for BERT models on "
        "processors with VNNI or AMX",
    )
    device: str = Field("cpu", description="torch device, such as 'cpu' or 'cuda'")


class PairReader(Protocol):
    """A model that scores pairs of texts; `load_pair_scorer` returns one."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights."""
        ...

    def score(self, pairs: Sequence[TextPair]) -> PairScores:
        """Return one score per pair, higher is better."""
        ...


class Reranker:
    """Orders retrieved passages by a cross-encoder's relevance score.

    Args:
        reader: Scores pairs.
        encoding: Encoding of question and passage as a pair.
        depth: Number of top passages to rerank.
    """

    def __init__(self, reader: PairReader, encoding: RerankEncoding, depth: int) -> None:
        self._reader = reader
        self._encoding = encoding
        self.depth = depth

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the reranker's weights."""
        return self._reader.weights_hash

    def rerank(
        self, questions: Sequence[Question], found: Sequence[Sequence[Passage]], k: int
    ) -> list[list[Passage]]:
        """Return the k best of each question's retrieved passages, best first, with scores.

        A pair that several questions share is scored once. Ties keep the retrieval order.

        Args:
            questions: The questions; answers and own passages are not used.
            found: The passages retrieved for each.
            k: Maximum number of passages per question.
        """
        ordered = []
        for begin, end in _runs(found):
            pairs = [
                rerank_pairs(question, passages, self._encoding)
                for question, passages in zip(questions[begin:end], found[begin:end], strict=True)
            ]
            flat = [pair for of_question in pairs for row in of_question for pair in row]
            scores = iter(self._reader.score(flat).scores.tolist() if flat else ())
            for passages, of_question in zip(found[begin:end], pairs, strict=True):
                best = np.array([max(next(scores) for _ in row) for row in of_question])
                ordered.append(_best(passages, best, k))
        return ordered


def load_reranker(settings: RerankerSettings) -> Reranker:
    """Load a reranker, with the encoding from its model card or that of published rerankers.

    Raises:
        SettingsError: The model was trained for something else.
        ModelError: The model is missing or unusable.
        MissingDependencyError: torch or transformers is not installed.
    """
    folder = resolve_model(settings.model)
    card = read_card(folder.path)
    if card is not None and card.family != FAMILY:
        raise SettingsError(
            f"expected a reranker, got a model trained for solver '{card.family}'",
            file=folder.path,
            field="reranker.model",
            hint="Train one with `family: reranker`, or use a published cross-encoder",
        )
    values = card.encoding if card else {}
    encoding = read_card_values(RerankEncoding, values, folder.path, field="encoding")
    reader = load_pair_scorer(
        settings.model,
        head=card.head if card else "native",
        max_tokens=encoding.max_tokens,
        cut=encoding.cut,
        precision=settings.precision,
        device=settings.device,
    )
    return Reranker(reader, encoding, settings.depth)


def rerank_pairs(
    question: Question, passages: Sequence[Passage], encoding: RerankEncoding
) -> list[list[TextPair]]:
    """Return the pairs to score for each passage: one per query of the question."""
    queries = make_queries(question, encoding.query_form)
    texts = [f"{p.title}\n{p.text}" if p.title else p.text for p in passages]
    if encoding.layout == "query|passage":
        return [[TextPair(query, text) for query in queries] for text in texts]
    return [[TextPair(text, query) for query in queries] for text in texts]


def _runs(found: Sequence[Sequence[Passage]]) -> Iterator[tuple[int, int]]:
    """Yield slices of questions with about `_PAIRS_A_CALL` passages each."""
    begin = n_pairs = 0
    for end, passages in enumerate(found, 1):
        n_pairs += len(passages)
        if n_pairs >= _PAIRS_A_CALL or end == len(found):
            yield begin, end
            begin, n_pairs = end, 0


def _best(passages: Sequence[Passage], scores: NDArray[np.float64], k: int) -> list[Passage]:
    order = np.argsort(-scores, kind="stable")[:k]
    return [replace(passages[i], score=float(scores[i])) for i in order]
