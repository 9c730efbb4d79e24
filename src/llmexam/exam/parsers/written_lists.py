"""Lists inside a text: as JSON, Python and NumPy write them, or with separators."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from llmexam.errors import ExamError
from llmexam.exam.letters import MIN_OPTIONS

_STRING = re.compile(r"""\s*,?\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
_ARRAY = re.compile(r"^\s*(?:np\.)?array\((.*?)(?:,\s*dtype=\w+)?\)\s*$", re.DOTALL)
# Strings, so that nothing inside them is replaced, and what NumPy writes around a list.
_NUMPY = re.compile(
    r"""(?P<end>,\s*dtype=(?:'[^']*'|"[^"]*"|[\w.]+)\s*\))"""
    r"""|(?P<string>'(?:[^'\\]|\\.)*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z))(?P<next>\s*(?=['"]))?"""
    r"""|(?P<start>\b(?:np\.|numpy\.)?array\()""",
    re.DOTALL,
)
_SEPARATORS = {"\n": "line breaks", "|": "'|'", ";": "semicolons", ",": "commas"}
_LONGEST_LITERAL = 50_000
_BRACKETS = {"]": "[", "}": "{"}


class Separator(NamedTuple):
    """What separates the options in the texts of a field.

    Attributes:
        text: The separator.
        n_parts: How many parts every text has; None if they may have any number.
    """

    text: str
    n_parts: int | None = None

    @property
    def name(self) -> str:
        """Its name, such as "commas"."""
        return _SEPARATORS[self.text]

    def parts(self, text: str) -> list[str]:
        """Return the parts of a text; blank ones at the end are none."""
        found = [part.strip() for part in text.split(self.text)]
        if self.text == "\n":
            return [part for part in found if part]
        if not found[0] and not found[-1]:
            found = found[1:]
        while found and not found[-1]:
            found.pop()
        return found

    def checked_parts(self, text: str, name: str) -> list[str]:
        """Return the parts of a text.

        Raises:
            ExamError: The text has another number of parts than the first ones of the file.
        """
        found = self.parts(text)
        if self.n_parts is not None and len(found) != self.n_parts:
            raise ExamError(
                f"expected {self.n_parts} options separated by {self.name} as in the first rows, "
                f"got {len(found)}",
                field=name,
                hint='Write the options as a list: ["...", "..."]',
            )
        return found


def parsed_list(text: str) -> Any:
    """Return the list or object written in a text as JSON, Python or NumPy; None if it is none."""
    bare = text.strip()
    array = _ARRAY.match(bare)
    bare = array[1].strip() if array else bare
    if not bare.startswith(("[", "{", "(")) or len(bare) > _LONGEST_LITERAL:
        return None
    try:
        return json.loads(bare)
    except (ValueError, RecursionError):
        pass
    # Python joins texts without a comma between them, as NumPy prints them.
    strings, end = [], 1
    while bare[0] == "[" and (match := _STRING.match(bare, end)):
        strings.append(match[1])
        end = match.end()
    try:
        if strings and bare[end:].strip() in ("]", ",]"):
            return [ast.literal_eval(one) for one in strings]
        return ast.literal_eval(_NUMPY.sub(_without_numpy, bare))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _without_numpy(match: re.Match[str]) -> str:
    if match["string"] is not None:
        return match["string"] if match["next"] is None else match["string"] + ", "
    return ")" if match["end"] is not None else "("


def separator_of(texts: Sequence[str]) -> Separator | None:
    """Return what separates the options in all of several texts, or None if nothing does.

    A comma counts only if it gives every text the same number of options. A text that opens with
    a bracket is separated only where brackets are closed.
    """
    for text in _SEPARATORS if texts else ():
        separator = Separator(text)
        parts = [separator.parts(one) for one in texts]
        counts = {len([part for part in own if part]) for own in parts}
        if min(counts) < MIN_OPTIONS:
            continue
        if any(
            whole.lstrip()[:1] in ("{", "[") and not all(map(_is_closed, own))
            for whole, own in zip(texts, parts, strict=True)
        ):
            continue
        sizes = {len(own) for own in parts}
        if text != ",":
            return separator
        if len(sizes) == 1:
            return separator._replace(n_parts=sizes.pop())
    return None


def _is_closed(text: str) -> bool:
    """Return whether every square or curly bracket of a text is closed in it."""
    open_ones: list[str] = []
    for character in text:
        if character in "[{":
            open_ones.append(character)
        elif character in "]}" and (not open_ones or open_ones.pop() != _BRACKETS[character]):
            return False
    return not open_ones
