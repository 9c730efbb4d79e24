"""Find a quote in a passage."""

from __future__ import annotations

import re


def quote_pieces(text: str, quote: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces, with the first occurrence of a quote apart.

    Spacing and case of the quote may differ. Without an occurrence, the text is one piece.

    Args:
        text: The text.
        quote: The quote; a blank one is not looked for.

    Returns:
        Pieces that are not empty, each with whether it is the quote.

    >>> quote_pieces("Bees make honey. Ants do not.", "make  honey")
    (('Bees ', False), ('make honey', True), ('. Ants do not.', False))
    """
    words = quote.split()
    pattern = r"\s+".join(map(re.escape, words))
    found = re.search(pattern, text, re.IGNORECASE) if words else None
    if found is None:
        return ((text, False),)
    pieces = (
        (text[: found.start()], False),
        (found[0], True),
        (text[found.end() :], False),
    )
    return tuple(piece for piece in pieces if piece[0])
