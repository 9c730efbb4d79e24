"""Split documents into passages of whole sentences, and drop duplicate passages.

Sizes are in tokens. Here a token is a word, a run of characters without white space; a run of n
characters counts as ceil(n / 40) tokens, so that text without spaces has a size too. In scripts
that write no spaces, two characters of Chinese or Japanese are a token, or four of Thai and its
kind. Tokenizers of language models produce about 1.3 tokens per word of English prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from llmexam.evidence.seen import SeenKeys, hash_texts
from llmexam.evidence.sentences import split_sentences
from llmexam.exam.question import Passage
from llmexam.exam.segmentation import sized_words
from llmexam.settings.base import Settings

_LONGEST_WORD = 40
_TOKEN = re.compile(rf"\S{{1,{_LONGEST_WORD}}}")
_BATCH = 512


class ChunkSettings(Settings):
    """Settings of how documents are split into passages."""

    tokens: int = Field(
        default=200, ge=1, description="largest number of tokens (words) per passage"
    )
    overlap: int = Field(default=40, ge=0, description="chunk overlap, in tokens")

    @model_validator(mode="after")
    def _overlap_is_smaller(self) -> Self:
        if self.overlap >= self.tokens:
            raise ValueError("overlap must be smaller than tokens")
        return self


def count_tokens(text: str) -> int:
    """Return the number of tokens (words) of a text.

    >>> count_tokens("Two words"), count_tokens(""), count_tokens("x" * 81), count_tokens("水星是")
    (2, 0, 3, 2)
    """
    pattern = sized_words(text)
    if pattern is not None:
        return len(pattern.findall(text))
    words = text.split()
    if not words or max(map(len, words)) <= _LONGEST_WORD:
        return len(words)
    return sum(-(-len(word) // _LONGEST_WORD) for word in words)


def chunk_text(text: str, *, tokens: int, overlap: int) -> list[tuple[int, int]]:
    """Return the spans of the chunks of a text, in order.

    A chunk is a run of whole sentences with at most `tokens` tokens; a sentence that is longer
    by itself is cut between words (or inside a word of over 40 characters). A chunk begins with
    the last whole sentences of the one before it, as many as have at most `overlap` tokens
    together and leave room for the next sentence. A blank text has no chunks.

    >>> text = "One two. Three. Four five six."
    >>> [text[start:end] for start, end in chunk_text(text, tokens=4, overlap=1)]
    ['One two. Three.', 'Three. Four five six.']
    """
    if count_tokens(text) <= tokens:
        start = len(text) - len(text.lstrip())
        return [(start, len(text.rstrip()))] if start < len(text) else []
    chunks: list[tuple[int, int]] = []
    first = size = 0
    pieces = list(_pieces(text, tokens))
    for place, (_, _, n_tokens) in enumerate(pieces):
        if size + n_tokens > tokens:
            chunks.append((pieces[first][0], pieces[place - 1][1]))
            first, size = place, 0
            while first > 0 and size + pieces[first - 1][2] <= min(overlap, tokens - n_tokens):
                first -= 1
                size += pieces[first][2]
        size += n_tokens
    chunks.append((pieces[first][0], pieces[-1][1]))
    return chunks


def chunk_documents(documents: Iterable[Passage], settings: ChunkSettings) -> Iterator[Passage]:
    """Yield the passages of documents: `doc#0`, `doc#1`, ..., each with its document's title."""
    for document in documents:
        text = document.text
        spans = chunk_text(text, tokens=settings.tokens, overlap=settings.overlap)
        for number, (start, end) in enumerate(spans):
            yield Passage(text=text[start:end], title=document.title, id=f"{document.id}#{number}")


@dataclass
class DuplicateCount:
    """Number of duplicate passages that were dropped."""

    n_duplicates: int = 0


def drop_duplicates(
    passages: Iterable[Passage], *, count: DuplicateCount | None = None
) -> Iterator[Passage]:
    """Yield passages without duplicates; texts are compared without letter case and white space.

    Memory: an eight-byte hash per passage, and 512 passages at a time.
    """
    stream = iter(passages)
    with SeenKeys() as seen:
        while batch := list(islice(stream, _BATCH)):
            is_new = seen.add(hash_texts(_normalise(passage.text) for passage in batch))
            if count is not None:
                count.n_duplicates += int(np.count_nonzero(~is_new))
            for passage, new in zip(batch, is_new.tolist(), strict=True):
                if new:
                    yield passage


def _normalise(text: str) -> str:
    return " ".join(text.lower().split())


def _pieces(text: str, tokens: int) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and number of tokens of every sentence; over-long sentences are split."""
    for start, end in split_sentences(text):
        n_tokens = count_tokens(text[start:end])
        if n_tokens <= tokens:
            yield start, end, n_tokens
            continue
        found = (sized_words(text) or _TOKEN).finditer(text, start, end)
        while part := list(islice(found, tokens)):
            yield part[0].start(), part[-1].end(), len(part)
