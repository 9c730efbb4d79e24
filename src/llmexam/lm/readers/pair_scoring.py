"""Scores of text pairs by a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ModelError
from llmexam.lm.models.loading import load_tokenizer, resolve_model
from llmexam.lm.readers.sequence_scoring import SequenceScorer, load_sequence_scorer
from llmexam.lm.readers.text_pairs import TextPair, encode_pairs

if TYPE_CHECKING:
    from llmexam.lm.readers.heads import HeadKind


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of text pairs.

    Attributes:
        scores: Higher is better, float64, shape `[n_pairs]`.
        cut: Whether a text was truncated, shape `[n_pairs]`.
    """

    scores: NDArray[np.float64]
    cut: NDArray[np.bool_]


class PairScorer:
    """Scores text pairs; created by `load_pair_scorer`.

    Attributes:
        scorer: Scorer of the token sequences.
        weights_hash: SHA-256 of all files that scores depend on.
    """

    def __init__(
        self,
        scorer: SequenceScorer,
        tokenizer: Any,
        max_tokens: int,
        cut: Literal["first", "second"],
    ) -> None:
        self.scorer = scorer
        self.weights_hash = scorer.weights_hash
        self._tokenizer = tokenizer
        self._cut = cut
        limits = (max_tokens, scorer.max_tokens, tokenizer.model_max_length)
        # A tokenizer without a limit has a huge `model_max_length`.
        self._max_tokens = min(limit for limit in limits if limit)

    def score(self, pairs: Sequence[TextPair]) -> PairScores:
        """Return one score per pair; equal pairs are computed once.

        Raises:
            ModelError: The model has several outputs per pair.
        """
        if not pairs:
            return PairScores(np.zeros(0), np.zeros(0, dtype=bool))
        encoded = encode_pairs(pairs, self._tokenizer, self._max_tokens, cut=self._cut)
        logits = self.scorer.score(encoded)
        if logits.shape[1] != 1:
            raise ModelError(
                f"expected one output per pair from the model, got {logits.shape[1]}",
                hint="Use a cross-encoder with num_labels = 1",
            )
        cut = np.array([one.n_cut > 0 for one in encoded], dtype=bool)
        return PairScores(logits[:, 0].astype(np.float64), cut)


def load_pair_scorer(
    model: str,
    *,
    head: str = "native",
    max_tokens: int,
    cut: Literal["first", "second"] = "first",
    precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    device: str = "cpu",
) -> PairScorer:
    """Load a cross-encoder.

    Args:
        model: A local folder or a Hugging Face name; see `resolve_model`.
        head: `native` or `mean`; see `llmexam.lm.readers.heads`.
        max_tokens: Pairs are truncated to this length, or to the model's if that is less.
        cut: Which text of a pair is truncated.
        precision: `auto` is bf16 on processors with fast bf16 arithmetic, else fp32; `int8` is
            faster and less exact.
        device: A torch device, such as `cpu` or `cuda`.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        ModelError: The model cannot be found or used.
    """
    folder = resolve_model(model)
    kind: HeadKind = "mean" if head == "mean" else "native"
    scorer = load_sequence_scorer(
        folder,
        head=kind,
        task="classification",
        precision=precision,
        device=device,
    )
    return PairScorer(scorer, load_tokenizer(folder), max_tokens, cut)
