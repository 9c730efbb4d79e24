r"""Answers in a marked place: `\boxed{B}`, `<answer>B</answer>`, `{"answer": "B"}`."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TAGGED = re.compile(
    r"<(answer|final_answer|final|choice|option|solution|ans)>([^<]{0,2000})</\1>", re.IGNORECASE
)
_KEYED = re.compile(
    r"[\"'](?:[a-z]{1,12}[ _-]?)?(?:answers?|choices?|options?|letters?|ranking|order|result|"
    r"prediction|response|output|label)(?:[ _-]?[a-z]{1,12})?[\"']\s?:\s?"
    r"(?:\[([^\]{}]{0,500})\]|\"([^\"]{0,500})\"|'([^']{0,500})')",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\f?box(?:ed)?\s?\{")
_DEEPEST = 500


def marked_parts(text: str) -> Iterator[str]:
    r"""Yield the texts in marked places of an answer, the last ones first.

    >>> list(marked_parts(r"First \boxed{A}, then \boxed{\text{B}}"))
    ['\\text{B}', 'A']

    Args:
        text: The answer.
    """
    found = [(match.start(), _braced(text, match.end())) for match in _BOX.finditer(text)]
    found += [(match.start(), match[2]) for match in _TAGGED.finditer(text)]
    for match in _KEYED.finditer(text):
        found.append((match.start(), re.sub(r"[\"']", "", match[match.lastindex or 1])))
    for _, part in sorted(found, reverse=True):
        if part.strip():
            yield part


def _braced(text: str, start: int) -> str:
    """Return the text up to the brace that closes the one before `start`."""
    depth = 1
    for place in range(start, min(len(text), start + _DEEPEST)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    return ""
