"""Questions to sequences of tokens, one an option. Training and scoring must read the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.exam.question import Question
from llmexam.lm.text_pairs import EncodedPair, encode_pairs
from llmexam.solvers.option_pairs import EncodingSettings, option_pairs


@dataclass(frozen=True, slots=True)
class EncodedQuestion:
    """What is read of one question.

    Attributes:
        options: The tokens of each option with its evidence.
    """

    options: tuple[EncodedPair, ...]

    @property
    def truncated(self) -> bool:
        """Whether evidence was cut for one of the options."""
        return any(pair.n_cut for pair in self.options)


def encode_questions(
    questions: Sequence[Question], settings: EncodingSettings, tokenizer: Any
) -> list[EncodedQuestion]:
    """Return what is read of each question.

    Each option is read alone, so its tokens do not depend on the places of the others.

    Args:
        questions: The questions, with their evidence.
        settings: How a question becomes tokens.
        tokenizer: A fast tokenizer of transformers.

    Raises:
        ModelError: The tokenizer cannot join two texts in so few tokens.
    """
    pairs = [option_pairs(question, settings) for question in questions]
    encoded = iter(
        encode_pairs([pair for own in pairs for pair in own], tokenizer, settings.max_tokens)
    )
    return [EncodedQuestion(tuple(next(encoded) for _ in own)) for own in pairs]
