"""Split a plain-text extract into its sections."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_HEADING = re.compile(r"(={2,6})\s*(.+?)\s*\1\s*")


def split_sections(extract: str, skipped: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    r"""Yield the path of headings and the text of each section with text.

    >>> list(split_sections("Lead.\n\n== Use ==\n\n=== Optics ===\nLenses.\n== Notes ==\n1.",
    ...                     ["Notes"]))
    [('', 'Lead.'), ('Use > Optics', 'Lenses.')]

    Args:
        extract: An extract with headings as in wikitext: `== History ==`.
        skipped: Headings, in any case, of sections to leave out with their subsections.
    """
    unwanted = {one.casefold() for one in skipped}
    path: list[tuple[int, str]] = []
    lines: list[str] = []

    def section() -> Iterator[tuple[str, str]]:
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        if text and not any(heading.casefold() in unwanted for _, heading in path):
            yield " > ".join(heading for _, heading in path), text

    for line in extract.split("\n"):
        match = _HEADING.fullmatch(line)
        if match is None:
            lines.append(line.rstrip())
            continue
        yield from section()
        level = len(match[1])
        path = [(depth, heading) for depth, heading in path if depth < level]
        path.append((level, match[2]))
        lines = []
    yield from section()
