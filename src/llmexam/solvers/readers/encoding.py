"""Encoding of questions as one token sequence per option, shared by training and scoring.

Each option becomes a pair of texts. Only the first text is truncated, at its end, where all
layouts put the evidence; the option is never truncated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from llmexam.evidence.selection import SentenceSelector
from llmexam.exam.question import Question
from llmexam.lm.readers.text_pairs import EncodedPair, TextPair, encode_pairs
from llmexam.settings.base import Settings

Layout = Literal["evidence|prompt+option", "prompt+evidence|option"]


class EncodingSettings(Settings):
    """Encoding of a question as the input of a trained encoder."""

    max_tokens: int = Field(
        256,
        ge=16,
        le=8192,
        description="tokens per option with its evidence, special tokens included",
    )
    layout: Layout = Field(
        "evidence|prompt+option",
        description="order of question text, evidence and option in the two texts of a pair",
    )
    evidence: Literal["none", "whole", "sentences"] = Field(
        "sentences",
        description="evidence to read. none: question text and option only; whole: passages in "
        "order; sentences: those with the highest lexical overlap with question text "
        "and option",
    )
    n_sentences: int = Field(
        6,
        ge=1,
        le=200,
        description="largest number of sentences per option, with evidence: sentences",
    )

    @property
    def reads_passages(self) -> bool:
        """Whether passages of the questions are used."""
        return self.evidence != "none"


def option_pairs(question: Question, settings: EncodingSettings) -> list[TextPair]:
    """Return one pair of texts per option, in the options' order."""
    evidence = gathered_evidence(question, settings)
    if settings.layout == "prompt+evidence|option":
        return [
            TextPair(f"{question.prompt} {found}".strip(), option)
            for option, found in zip(question.options, evidence, strict=True)
        ]
    return [
        TextPair(found, f"{question.prompt} {option}")
        for option, found in zip(question.options, evidence, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class EncodedQuestion:
    """The tokens of one question.

    Attributes:
        options: The tokens of each option with its evidence.
    """

    options: tuple[EncodedPair, ...]

    @property
    def truncated(self) -> bool:
        """Whether evidence was truncated for one of the options."""
        return any(pair.n_cut for pair in self.options)


def encode_questions(
    questions: Sequence[Question], settings: EncodingSettings, tokenizer: Any
) -> list[EncodedQuestion]:
    """Return the tokens of each question.

    Each option is encoded separately, so its tokens do not depend on the other options.

    Args:
        questions: The questions, with their evidence.
        settings: The encoding.
        tokenizer: A fast tokenizer of transformers.

    Raises:
        ModelError: The maximum length is too small for the tokenizer's special tokens.
    """
    pairs = [option_pairs(question, settings) for question in questions]
    encoded = iter(
        encode_pairs([pair for own in pairs for pair in own], tokenizer, settings.max_tokens)
    )
    return [EncodedQuestion(tuple(next(encoded) for _ in own)) for own in pairs]


def gathered_evidence(question: Question, settings: EncodingSettings) -> list[str]:
    """Return the evidence of each option as one text, in the options' order."""
    if settings.evidence == "none" or not question.passages:
        return [""] * len(question.options)
    if settings.evidence == "whole":
        whole = " ".join(passage.text for passage in question.passages)
        return [whole] * len(question.options)
    selector = SentenceSelector(question.passages)
    return [
        " ".join(
            sentence.text
            for sentence in selector.choose(question.prompt, option, n=settings.n_sentences)
        )
        for option in question.options
    ]
