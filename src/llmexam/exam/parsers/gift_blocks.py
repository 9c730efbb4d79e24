"""The blocks of a GIFT file: one question, category or description each.

GIFT is the text format of Moodle (https://docs.moodle.org/en/GIFT_format). Blank lines
separate questions. In hand-written files they also stand inside answers, and are missing between
questions; both are read where the meaning is clear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ID = re.compile(r"\[id:([^\][]*)\]")
_TAG = re.compile(r"\[tag:([^\][]*)\]")
_CATEGORY = re.compile(r"\s*\$CATEGORY:(.*)", re.IGNORECASE)


@dataclass
class GiftBlock:
    """One block of a GIFT file.

    Attributes:
        line: Number of its first line, from 1.
        text: Its text, without comments.
        category: Path of the category it is in, or empty.
        id: Id that a comment before it tells, or empty.
        tags: Tags that a comment before it tells.
    """

    line: int
    text: str
    category: str
    id: str = ""
    tags: list[str] = field(default_factory=list)


def gift_blocks(text: str) -> Iterator[GiftBlock]:
    """Yield the blocks of questions and descriptions of a GIFT text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    braces = [_braces(line) for line in lines]
    following = _next_braces(braces)
    category, own_id = "", ""
    tags: list[str] = []
    block: list[str] = []
    first, depth, is_closed, has_answer = 0, 0, False, False
    for place, line in enumerate(lines):
        if line.lstrip().startswith("//"):
            own_id = next((one.strip() for one in _ID.findall(line)), own_id)
            tags += [one.strip() for one in _TAG.findall(line)]
            continue
        named = _CATEGORY.fullmatch(line) if depth == 0 else None
        is_blank = not line.strip()
        # A blank line inside an answer does not end it if what follows closes the brace.
        ends = is_blank and not (depth and following[place] == "}")
        # Without a blank line, a question that is over ends before the next one.
        is_named = has_answer and depth == 0 and line.lstrip().startswith("::")
        begins = is_named or (is_closed and "{" in braces[place])
        if block and (named or ends or begins):
            yield GiftBlock(first, "\n".join(block), category, own_id, tags)
            block, own_id, tags = [], "", []
            depth, is_closed, has_answer = 0, False, False
        if named:
            category = named[1].strip()
        elif not is_blank or block:
            first = first if block else place + 1
            block.append(line)
            for brace in braces[place]:
                depth = max(0, depth + (1 if brace == "{" else -1))
            has_end = "}" in braces[place]
            has_answer |= has_end
            is_closed = depth == 0 and (
                line.rstrip().endswith("}") if has_end else is_closed and is_blank
            )
    if block:
        yield GiftBlock(first, "\n".join(block), category, own_id, tags)


def find_unescaped(text: str, signs: str, start: int = 0) -> int:
    r"""Return the place of the first of these signs that no backslash escapes, or -1.

    >>> find_unescaped(r"a\=b=c", "=")
    4
    """
    place = start
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text[place] in signs:
            return place
        else:
            place += 1
    return -1


def unescape(text: str) -> str:
    r"""Return a text with the escapes of GIFT replaced; other backslashes stay.

    >>> unescape(r"x\=1 \frac\{1\}\{2\} a\\b")
    'x=1 \\frac{1}{2} a\\b'
    """
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


_ESCAPE = re.compile(r"\\([~=#{}:n\\])")


def _braces(line: str) -> str:
    """Return the braces of a line that are not escaped, in order."""
    if "{" not in line and "}" not in line:
        return ""
    return "".join(sign for sign in re.sub(r"\\.", "", line) if sign in "{}")


def _next_braces(braces: list[str]) -> list[str]:
    """Return for each line the first brace behind it, or empty."""
    found = [""] * len(braces)
    for place in range(len(braces) - 2, -1, -1):
        found[place] = braces[place + 1][:1] or found[place + 1]
    return found
