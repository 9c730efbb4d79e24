r"""Formulas in plain-text extracts of MediaWiki.

The extract of a formula has its symbols one to a line, indented, and then its TeX:

    is


          E
          =
          m

        {\displaystyle E=m}

    .
"""

from __future__ import annotations

import re

_START = re.compile(r"\{\\(?:displaystyle|textstyle|scriptstyle)\b")
_INDENTED = re.compile(r"(?:[ \t]{2,}.*|[ \t]*)")


def restore_formulas(text: str) -> str:
    r"""Return a text with each formula once, as TeX between dollar signs.

    >>> restore_formulas("is\n  \n    \n      \n        E\n      \n    {\\displaystyle E}\n  \n.")
    'is $E$.'

    Args:
        text: A plain-text extract.
    """
    parts: list[str] = []
    place = 0
    while (match := _START.search(text, place)) is not None:
        end = _closing(text, match.start())
        if end is None:
            break
        tex = " ".join(text[match.end() : end].split())
        parts += [_without_symbols(text[place : match.start()]), f" ${tex}$"]
        place = end + 1
        # The line of the formula and the blank indented line after it end here.
        if blank := re.compile(r"[ \t]*\n(?:[ \t]+\n)*[ \t]*").match(text, place):
            place = blank.end()
            if place < len(text) and (text[place].isalnum() or text[place] in "({[$"):
                parts.append(" ")
    parts.append(text[place:])
    return "".join(parts).lstrip(" ") if parts[:1] == [""] else "".join(parts)


def _closing(text: str, start: int) -> int | None:
    """Return the place of the brace that closes the one at `start`."""
    depth = 0
    i = start
    while i < len(text):
        if text[i] == "\\":
            i += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i
        i += 1
    return None


def _without_symbols(before: str) -> str:
    """Return a text without the indented lines at its end."""
    lines = before.split("\n")
    n = len(lines)
    # A blank line alone is the end of a paragraph, not part of a formula.
    while n > 1 and _INDENTED.fullmatch(lines[n - 1]) and (lines[n - 1] or n == len(lines)):
        n -= 1
    return "\n".join(lines[:n]).rstrip(" ")
