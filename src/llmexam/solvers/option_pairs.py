"""Questions to pairs of texts, one an option, for readers that see both at once.

Cross-encoders and multiple-choice readers share it, and each one's training and scoring: what
was read in training is what is read in an exam. Of the two texts only the first is ever cut,
at its end, and the settings see to it that evidence lies there; the option is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from llmexam.errors import ModelError
from llmexam.evidence.selection import SentenceSelector
from llmexam.exam.question import Question
from llmexam.settings import Settings

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


@dataclass(frozen=True, slots=True)
class OptionPair:
    """What is read for one option.

    Attributes:
        first: The text that may be cut at its end.
        second: The text that is never cut.
    """

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Tokens of one option.

    Attributes:
        ids: Token ids, special ones included.
        types: 0 for tokens of the first text, 1 for those of the second.
        n_cut: Tokens of the first text that were left out.
        n_first: Tokens the first text had before.
    """

    ids: list[int]
    types: list[int]
    n_cut: int
    n_first: int


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


def encode_pairs(pairs: Sequence[OptionPair], tokenizer: Any, max_tokens: int) -> list[EncodedPair]:
    """Return the tokens of each pair; equal pairs are tokenised once.

    A second text longer than the model reads loses tokens at its beginning, where the prompt is.

    Args:
        pairs: The pairs.
        tokenizer: A fast tokenizer of transformers.
        max_tokens: Tokens of a pair at most, special ones included.

    Raises:
        ModelError: The tokenizer cannot join two texts in so few tokens.
    """
    distinct = list(dict.fromkeys(pairs))
    if not distinct:
        return []
    texts = {text for pair in distinct for text in (pair.first, pair.second)}
    tokens = _tokenize(sorted(texts), tokenizer)
    frame = pair_frame(tokenizer)
    room = max_tokens - frame.n_tokens
    if room < 2:
        raise ModelError(f"{max_tokens} tokens have no room for two texts and special tokens")
    known = {}
    for pair in distinct:
        first, second = tokens[pair.first], tokens[pair.second][-room:]
        kept = first[: room - len(second)]
        ids, types = frame.join(kept, second)
        known[pair] = EncodedPair(ids, types, len(first) - len(kept), len(first))
    return [known[pair] for pair in pairs]


@dataclass(frozen=True, slots=True)
class PairFrame:
    """The special tokens around and between two texts, and the types of all."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    second_type: int

    @property
    def n_tokens(self) -> int:
        """How many special tokens a pair has."""
        return len(self.before) + len(self.between) + len(self.after)

    def join(self, first: list[int], second: list[int]) -> tuple[list[int], list[int]]:
        """Return ids and types of two texts, with special tokens."""
        ids = [*self.before, *first, *self.between, *second, *self.after]
        n_first = len(self.before) + len(first) + len(self.between)
        return ids, [0] * n_first + [self.second_type] * (len(ids) - n_first)


def pair_frame(tokenizer: Any) -> PairFrame:
    """Return what a tokenizer puts around two texts, found out by joining two.

    Raises:
        ModelError: It changes the texts when it joins them.
    """
    first = tokenizer("a", add_special_tokens=False)["input_ids"]
    second = tokenizer("b", add_special_tokens=False)["input_ids"]
    joined = tokenizer("a", "b", return_token_type_ids=True)
    ids, types = list(joined["input_ids"]), list(joined["token_type_ids"])
    start = _find(ids, first, 0)
    middle = start + len(first)
    later = _find(ids, second, middle)
    end = later + len(second)
    return PairFrame(
        tuple(ids[:start]), tuple(ids[middle:later]), tuple(ids[end:]), int(types[later])
    )


def _find(ids: list[int], part: list[int], start: int) -> int:
    for place in range(start, len(ids) - len(part) + 1):
        if ids[place : place + len(part)] == part:
            return place
    raise ModelError("the tokenizer changes two texts when it joins them")


def _tokenize(texts: list[str], tokenizer: Any) -> dict[str, list[int]]:
    # A lone surrogate, which a damaged file can hold, is no character to the tokenizer.
    clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    encoded = tokenizer(
        clean,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return dict(zip(texts, encoded["input_ids"], strict=True))
