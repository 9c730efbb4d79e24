"""Texts to embed for a question; training and scoring must use the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.selection import Sentence
from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage, Question

CountTokens = Callable[[Sequence[str]], NDArray[np.int64]]

# Maximum characters of a piece of a passage: "sentences" in tables and lists exceed the context
# length. English has about 4.5 characters per token, so a piece fits into 256 tokens.
_PIECE_CHARACTERS = 700


@dataclass(frozen=True, slots=True)
class QueryText:
    """The question text followed by an option.

    Attributes:
        text: The prompt, a space, the option.
        option_start: Start of the option, in characters.
        prompt_cut: Whether the start of the prompt was truncated to make room for the option.
    """

    text: str
    option_start: int
    prompt_cut: bool = False


def evidence_texts(passages: Sequence[Passage]) -> list[Sentence]:
    """Return all sentences of passages, in order, over-long ones in pieces.

    Titles are left out: they are more similar to the prompt than any sentence, but no evidence.
    """
    found: list[Sentence] = []
    for index, passage in enumerate(passages):
        for start, end in split_sentences(passage.text):
            found.extend(
                Sentence(index, a, b, passage.text[a:b])
                for a, b in _pieces(passage.text, start, end)
            )
    return found


def closed_book_texts(question: Question) -> tuple[str, tuple[str, ...]]:
    """Return the texts to compare without evidence: the prompt and each option.

    The prompt is embedded as a query, options as passages.
    """
    return question.prompt, question.options


def query_texts(question: Question, count_tokens: CountTokens, max_tokens: int) -> list[QueryText]:
    """Return one query per option; if too long, the start of the prompt is truncated.

    Args:
        question: The question.
        count_tokens: Counts tokens with the model's tokenizer, special ones included.
        max_tokens: Context length of the model.
    """
    queries = [_query(question.prompt, option) for option in question.options]
    # A token has at least one character, so short texts need no count; a prefix adds tokens.
    long = [i for i, query in enumerate(queries) if len(query.text) > max_tokens // 2]
    if long:
        counts = count_tokens([queries[i].text for i in long])
        for i, n_tokens in zip(long, counts, strict=True):
            if n_tokens > max_tokens:
                queries[i] = _shortened(
                    question.prompt, question.options[i], count_tokens, max_tokens
                )
    return queries


def _query(prompt: str, option: str) -> QueryText:
    return QueryText(f"{prompt} {option}", len(prompt) + 1)


def _shortened(prompt: str, option: str, count_tokens: CountTokens, max_tokens: int) -> QueryText:
    words = prompt.split()[-max_tokens:]
    while True:
        kept = " ".join(words)
        query = QueryText(f"{kept} {option}", len(kept) + 1, prompt_cut=True)
        excess = int(count_tokens([query.text])[0]) - max_tokens
        if excess <= 0 or not words:
            return query
        # Half of the excess in words, because a word has one to two tokens.
        words = words[(excess + 1) // 2 :]


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Yield pieces of a span that fit the context length, split at white space if possible."""
    pieces = []
    while end - start > _PIECE_CHARACTERS:
        space = text.rfind(" ", start + _PIECE_CHARACTERS // 2, start + _PIECE_CHARACTERS)
        middle = space if space > 0 else start + _PIECE_CHARACTERS
        pieces.append((start, middle))
        start = middle + 1 if space > 0 else middle
    pieces.append((start, end))
    return [(a, b) for a, b in pieces if text[a:b].strip()]
