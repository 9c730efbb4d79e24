"""Questions to the texts that are embedded. Training and scoring must read the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.evidence.selection import Sentence
from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage, Question

CountTokens = Callable[[Sequence[str]], NDArray[np.int64]]

# Characters of one piece of a passage: tables and lists have "sentences" that no model reads
# whole. English has about 4.5 characters a token, so that this fits into 256 tokens.
_PIECE_CHARACTERS = 700


@dataclass(frozen=True, slots=True)
class QueryText:
    """An option behind its prompt.

    Attributes:
        text: The prompt, a space, the option.
        option_start: Where the option begins in it, in characters.
        prompt_cut: Whether the prompt's beginning was left out to make room for the option.
    """

    text: str
    option_start: int
    prompt_cut: bool = False


def evidence_texts(passages: Sequence[Passage]) -> list[Sentence]:
    """Return all sentences of some passages, in order, very long ones in pieces.

    Titles are left out: they are nearer to the prompt than any sentence, but say nothing.
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
    """Return what is compared where there is no evidence: the prompt with each option.

    The prompt is embedded as a query, options as passages.
    """
    return question.prompt, question.options


def query_texts(question: Question, count_tokens: CountTokens, max_tokens: int) -> list[QueryText]:
    """Return one query an option; a prompt too long loses its beginning, never the option.

    Args:
        question: The question.
        count_tokens: Counts the tokens of texts as the model will read them.
        max_tokens: How many it reads.
    """
    queries = [_query(question.prompt, option) for option in question.options]
    # A token has at least a character, but a prefix may come on top.
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
        # Half of it, because a word has one to two tokens.
        words = words[(excess + 1) // 2 :]


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut a span into pieces that a model can read, at white space where there is any."""
    pieces = []
    while end - start > _PIECE_CHARACTERS:
        space = text.rfind(" ", start + _PIECE_CHARACTERS // 2, start + _PIECE_CHARACTERS)
        middle = space if space > 0 else start + _PIECE_CHARACTERS
        pieces.append((start, middle))
        start = middle + 1 if space > 0 else middle
    pieces.append((start, end))
    return [(a, b) for a, b in pieces if text[a:b].strip()]
