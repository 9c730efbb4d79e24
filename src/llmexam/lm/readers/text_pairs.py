"""Tokenization of text pairs into one sequence.

Cross-encoders, multiple-choice models and rerankers all use it, in training and in scoring, so
both read the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llmexam.errors import ModelError


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts that are encoded together.

    Attributes:
        first: The first text; it may be truncated at its end.
        second: The second text, which is not truncated.
    """

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Tokens of one pair.

    Attributes:
        ids: Token ids, special ones included.
        types: 0 for tokens of the first text, 1 for those of the second.
        n_cut: Number of truncated tokens.
        n_first: Tokens of the first text before truncation.
    """

    ids: list[int]
    types: list[int]
    n_cut: int
    n_first: int


def encode_pairs(
    pairs: Sequence[TextPair],
    tokenizer: Any,
    max_tokens: int,
    *,
    cut: Literal["first", "second"] = "first",
) -> list[EncodedPair]:
    """Return the tokens of each pair; equal pairs are tokenized once.

    If the protected text alone exceeds the limit, it is truncated at its start.

    Args:
        pairs: The pairs.
        tokenizer: A fast tokenizer of transformers.
        max_tokens: Maximum tokens per pair, special ones included.
        cut: The text to truncate, at its end, if both together are too long.

    Raises:
        ModelError: The maximum length is too small for the tokenizer's special tokens.
    """
    distinct = list(dict.fromkeys(pairs))
    if not distinct:
        return []
    texts = {text for pair in distinct for text in (pair.first, pair.second)}
    # Evidence and question text are parts of many pairs, so each text is tokenized once.
    tokens = _tokenize(sorted(texts), tokenizer)
    frame = pair_frame(tokenizer)
    room = max_tokens - frame.n_tokens
    if room < 2:
        raise ModelError(
            f"expected max_tokens large enough for two texts and special tokens, got {max_tokens}"
        )
    encoded = {}
    for pair in distinct:
        first, second = tokens[pair.first], tokens[pair.second]
        n_first, n_second = len(first), len(second)
        if cut == "first":
            second = second[-room:]
            first = first[: room - len(second)]
            n_cut = n_first - len(first)
        else:
            first = first[-room:]
            second = second[: room - len(first)]
            n_cut = n_second - len(second)
        ids, types = frame.join(first, second)
        encoded[pair] = EncodedPair(ids, types, n_cut, n_first)
    return [encoded[pair] for pair in pairs]


@dataclass(frozen=True, slots=True)
class PairFrame:
    """The tokens around and between two texts, and the types of all tokens."""

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    second_type: int

    @property
    def n_tokens(self) -> int:
        """Number of these tokens per pair."""
        return len(self.before) + len(self.between) + len(self.after)

    def join(self, first: list[int], second: list[int]) -> tuple[list[int], list[int]]:
        """Return ids and types of two texts, with special tokens."""
        ids = [*self.before, *first, *self.between, *second, *self.after]
        n_first = len(self.before) + len(first) + len(self.between)
        return ids, [0] * n_first + [self.second_type] * (len(ids) - n_first)


def pair_frame(tokenizer: Any) -> PairFrame:
    """Return a tokenizer's special tokens of a pair, inferred from an example.

    Tokenizers of decoders may have none between the texts: they get a line break.

    Raises:
        ModelError: The tokenizer changes texts in pairs, or makes no tokens of a letter.
    """
    first = tokenizer("a", add_special_tokens=False)["input_ids"]
    second = tokenizer("b", add_special_tokens=False)["input_ids"]
    if not first or not second:
        raise ModelError("the tokenizer makes no tokens of the letters 'a' and 'b'")
    # Inferred, because architectures differ: BERT has one separator between texts, RoBERTa two.
    joined = tokenizer("a", "b", return_token_type_ids=True)
    ids, types = list(joined["input_ids"]), list(joined["token_type_ids"])
    start = _find(ids, first, 0)
    middle = start + len(first)
    later = _find(ids, second, middle)
    end = later + len(second)
    between = ids[middle:later] or tokenizer("\n", add_special_tokens=False)["input_ids"]
    return PairFrame(tuple(ids[:start]), tuple(between), tuple(ids[end:]), int(types[later]))


def _find(ids: list[int], part: list[int], start: int) -> int:
    for place in range(start, len(ids) - len(part) + 1):
        if ids[place : place + len(part)] == part:
            return place
    raise ModelError("the tokenizer changes two texts when it joins them")


def _tokenize(texts: list[str], tokenizer: Any) -> dict[str, list[int]]:
    # The tokenizer rejects lone surrogates, which damaged files may contain.
    clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    encoded = tokenizer(
        clean,
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return dict(zip(texts, encoded["input_ids"], strict=True))
