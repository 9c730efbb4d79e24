"""What is exchanged in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """A part of a sentence, and what takes its place to make the sentence false.

    Attributes:
        start: Where the part starts.
        end: Where it ends.
        new: The text to put there.
        kind: `number`, `amount`, `comparison`, `direction`, `property`, `superlative`,
            `relation` or `denial`.
    """

    start: int
    end: int
    new: str
    kind: str

    def apply(self, text: str) -> str:
        """Return the sentence after the exchange, with a fitting indefinite article."""
        before, after = text[: self.start], text[self.end :]
        new = self.new
        if self.start == 0:
            new = new[:1].upper() + new[1:]
        article = _ARTICLE.search(before)
        if article is not None:
            vowel = new[:1].lower() in "aeiou" and not re.match(r"uni(?!m|n)|one|us", new)
            before = f"{before[: article.start(1)]}{article[1][0]}{'n' if vowel else ''} "
        return f"{before}{new}{after}"

    def note(self, text: str) -> str:
        """Return what was exchanged, as the note of a wrong option tells it."""
        return f"'{self.new}' for '{text[self.start : self.end]}'"


_ARTICLE = re.compile(r"\b([Aa]n?) $")
