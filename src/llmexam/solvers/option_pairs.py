"""Questions to pairs of texts, one an option, for readers that see both at once.

Cross-encoders and multiple-choice readers share it, and each one's training and scoring: what
was read in training is what is read in an exam. Of the two texts only the first is ever cut,
at its end, and the settings see to it that evidence lies there; the option is never cut.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.evidence.selection import SentenceSelector
from llmexam.exam.question import Question
from llmexam.lm.text_pairs import EncodedPair, PairFrame, TextPair, encode_pairs, pair_frame
from llmexam.settings.base import Settings

# What is read for one option: the first text may be cut at its end, the second never is.
OptionPair = TextPair

__all__ = [
    "EncodedPair",
    "EncodingSettings",
    "Layout",
    "OptionPair",
    "PairFrame",
    "encode_pairs",
    "option_pairs",
    "pair_frame",
]

Layout = Literal["evidence|prompt+option", "prompt+evidence|option"]


class EncodingSettings(Settings):
    """How a question becomes the tokens that a reader sees."""

    max_tokens: int = Field(
        256, ge=16, le=8192, description="tokens of one option with its evidence, special ones too"
    )
    layout: Layout = Field(
        "evidence|prompt+option", description="what goes into the two texts of a pair"
    )
    evidence: Literal["none", "whole", "sentences"] = Field(
        "sentences",
        description="none: prompt and option alone; whole: the passages from the first on; "
        "sentences: those that share most with prompt and option",
    )
    n_sentences: int = Field(
        6, ge=1, le=200, description="sentences an option gets at most, if `evidence: sentences`"
    )


def option_pairs(question: Question, settings: EncodingSettings) -> list[OptionPair]:
    """Return one pair of texts an option, in the options' order."""
    evidence = _evidence(question, settings)
    if settings.layout == "prompt+evidence|option":
        return [
            OptionPair(f"{question.prompt} {found}".strip(), option)
            for option, found in zip(question.options, evidence, strict=True)
        ]
    return [
        OptionPair(found, f"{question.prompt} {option}")
        for option, found in zip(question.options, evidence, strict=True)
    ]


def _evidence(question: Question, settings: EncodingSettings) -> list[str]:
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
