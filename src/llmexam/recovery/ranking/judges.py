"""Models that judge whether a prompt explains a pair: a cross-encoder, a causal language model.

They read the texts themselves and are slow, so that they only see the best few candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import UntrainedModelError
from llmexam.lm.models.card import read_card, read_card_values
from llmexam.lm.models.loading import resolve_model
from llmexam.lm.readers.pair_scoring import PairScorer, load_pair_scorer
from llmexam.lm.readers.text_pairs import TextPair
from llmexam.recovery.likelihood import rewrite_likelihood
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.settings.base import Settings

Floats = NDArray[np.float32]
_READ = 400
RERANKER_FAMILY = "prompt-reranker"
"""What the card of a model says that was trained to rerank prompts."""
_LIKELIHOOD_TOKENS = 96


class PromptEncoding(Settings):
    """Settings of how texts and prompt are turned into tokens."""

    max_tokens: int = Field(
        256,
        ge=16,
        le=8192,
        description="longest pair of texts and prompt, in tokens; the texts are truncated",
    )


class Judge(Protocol):
    """Says how well prompts explain pairs of texts."""

    def score(self, items: RewriteExam, prompts: Sequence[Sequence[str]]) -> Floats:
        """Return one score for each prompt of each row, higher is better.

        Args:
            items: The rows.
            prompts: As many prompts for each row.

        Returns:
            Scores of shape `[n_rows, n_prompts]`; comparable within a row only.
        """
        ...


class CrossEncoderJudge:
    """A cross-encoder with one output that reads `pair_text` and the prompt.

    Args:
        model: A model folder or a Hugging Face name.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        ModelError: The model cannot be found or used.
        UntrainedModelError: It was trained for something else.
    """

    def __init__(self, model: str) -> None:
        folder = resolve_model(model).path
        card = read_card(folder)
        head, encoding = "native", PromptEncoding()
        # A published cross-encoder has no card.
        if card is not None:
            if card.family != RERANKER_FAMILY:
                raise UntrainedModelError(
                    f"expected a model of family '{RERANKER_FAMILY}', got one of '{card.family}'",
                    file=folder,
                    field="cross_encoder",
                    hint=f"Train one: llmexam train, with `family: {RERANKER_FAMILY}`",
                )
            head = card.head
            encoding = read_card_values(PromptEncoding, card.encoding, folder, field="encoding")
        self._scorer: PairScorer = load_pair_scorer(
            model, head=head, max_tokens=encoding.max_tokens, precision="fp32"
        )

    def score(self, items: RewriteExam, prompts: Sequence[Sequence[str]]) -> Floats:
        """Return the model's output for each prompt of each row."""
        pairs = [
            TextPair(pair_text(row), prompt)
            for row, own in zip(items, prompts, strict=True)
            for prompt in own
        ]
        found = self._scorer.score(pairs).scores
        return found.reshape(len(items), -1).astype(np.float32)


class LikelihoodJudge:
    """Log-probability of the rewritten text, by token, given the original and a prompt.

    Args:
        model: A model folder or a Hugging Face name of a causal language model.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        ModelError: It is no causal language model, or cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        # The beginning of a text tells most of it, and the cost grows with the length.
        self._likelihood = rewrite_likelihood(model, max_text_tokens=_LIKELIHOOD_TOKENS)

    def score(self, items: RewriteExam, prompts: Sequence[Sequence[str]]) -> Floats:
        """Return nats per token of the rewritten text for each prompt of each row."""
        pairs = [(row.original, row.rewritten) for row in items]
        found = self._likelihood.score(pairs, prompts)
        return np.array([[one.per_token for one in own] for own in found], dtype=np.float32)


def pair_text(row: Rewrite) -> str:
    r"""Return what a cross-encoder reads of a pair: the beginnings of both texts.

    The rewritten text comes first, because the end is truncated.

    >>> pair_text(Rewrite("1", "The sea is calm.", "O calm waters!"))
    'O calm waters!\n\nThe sea is calm.'
    """
    return f"{row.rewritten[:_READ].strip()}\n\n{row.original[:_READ].strip()}"


def load_judges(cross_encoder: str | None, likelihood_model: str | None) -> list[Judge]:
    """Return the judges that are named.

    Raises:
        MissingDependencyError: A package that they need is not installed.
        ModelError: A model cannot be found or used.
    """
    judges: list[Judge] = []
    if cross_encoder is not None:
        judges.append(CrossEncoderJudge(cross_encoder))
    if likelihood_model is not None:
        judges.append(LikelihoodJudge(likelihood_model))
    return judges


def judges_hash(models: Sequence[str | None]) -> list[str]:
    """Return the hash of the weights of each model that is named."""
    return [resolve_model(model).weights_hash for model in models if model is not None]
