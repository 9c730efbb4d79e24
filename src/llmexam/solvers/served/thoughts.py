"""What a reasoning model wrote before its answer, in the marks of different models."""

from __future__ import annotations

import re

_NAMES = r"think(?:ing)?|thoughts?|reasoning|reflection|seed:think"
_OPEN = re.compile(
    rf"<(?:{_NAMES})>|\[THINK\]|\u25c1think\u25b7|<\|begin_of_thought\|>|"
    r"<\|channel\|>\s?analysis(?:<\|message\|>)?",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"</(?:{_NAMES})>|\[/THINK\]|\u25c1/think\u25b7|<\|end_of_thought\|>|"
    r"<\|channel\|>\s?final(?:<\|message\|>)?|\bassistantfinal(?=\W|[A-Z])",
    re.IGNORECASE,
)


def without_thoughts(text: str) -> str:
    """Return what follows the last mark that closes a model's reasoning.

    Where nothing follows it, what stands outside of all marks; after a mark that is opened and
    not closed nothing counts.

    >>> without_thoughts("<think>A or B?</think>B").strip()
    'B'
    >>> without_thoughts("Perhaps A, or else B.</think> B").strip()
    'B'

    Args:
        text: The answer.
    """
    ends = [closing.end() for closing in _CLOSE.finditer(text)]
    rest = text[ends[-1] :] if ends else text
    opening = _OPEN.search(rest)
    if opening is not None:
        rest = rest[: opening.start()]
    if rest.strip() or not ends:
        return rest
    return _outside(text)


def _outside(text: str) -> str:
    """Return the parts of a text that are between no marks."""
    parts: list[str] = []
    place = 0
    while (opening := _OPEN.search(text, place)) is not None:
        parts.append(text[place : opening.start()])
        closing = _CLOSE.search(text, opening.end())
        if closing is None:
            return " ".join(parts)
        place = closing.end()
    return " ".join([*parts, text[place:]]) if parts else ""
