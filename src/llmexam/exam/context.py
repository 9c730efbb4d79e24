"""Context strings: several passages in one text field, as many exam files store them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmexam.exam.question import Passage

_ITEM_START = re.compile(r"^-", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def split_context(text: str) -> tuple[Passage, ...]:
    r"""Return the passages of a context string, in order, without blank ones.

    Two conventions are in use. If the text starts with "-", every line that starts with "-"
    begins a passage (a passage may contain line breaks). Otherwise blank lines separate the
    passages; without any, the text is one passage.

    >>> [passage.text for passage in split_context("-Light is\nfast.\n-Sound is slow.")]
    ['Light is\nfast.', 'Sound is slow.']
    >>> [passage.text for passage in split_context("One.\n\nTwo - or three.")]
    ['One.', 'Two - or three.']
    """
    text = text.replace("\r\n", "\n").strip()
    pieces = _ITEM_START.split(text) if text.startswith("-") else _BLANK_LINE.split(text)
    return tuple(Passage(text=piece.strip()) for piece in pieces if piece.strip())


def join_context(passages: Sequence[Passage]) -> str:
    r"""Return one text that `split_context` splits into the same passages.

    Titles, ids and scores are dropped. A line inside a passage that starts with "-" is indented
    by a space, because it would begin a passage otherwise.

    >>> join_context([Passage("One."), Passage("Two:\n- a")])
    '-One.\n-Two:\n - a'
    """
    texts = [passage.text.replace("\r\n", "\n").strip() for passage in passages]
    texts = [text.replace("\n-", "\n -") for text in texts if text]
    if len(texts) == 1 and not texts[0].startswith("-") and not _BLANK_LINE.search(texts[0]):
        return texts[0]
    return "\n".join(f"-{text}" for text in texts)
