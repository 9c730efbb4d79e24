"""Text analysis: lower case, English stemming, numbers as single terms."""

from __future__ import annotations

from functools import cache
from sys import intern

import tantivy

from llmexam.exam.segmentation import Singles, segmented

# Letters of any script, or a number with decimals: "3.5" and "1,000" are single terms.
_TERM = r"[\p{L}\p{M}\p{N}]+(?:[.,]\p{N}+)*"

_STOP_WORDS = (
    "a about after all also an and any are as at be because been before being between both but "
    "by can could did do does during each for from had has have he her here his how if in into "
    "is it its may might more most no nor not of on one ones only onto or other over own same "
    "shall she should so some such than that the their them then there these they this those "
    "through to under very was were what when where which while who whom whose why will with "
    "within without would"
)


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TERM))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def terms_of(text: str, singles: Singles | None = None) -> list[str]:
    """Return the terms of a text, in order, with repeats.

    Scripts without spaces are cut into pairs of characters.

    >>> terms_of("Galaxies rotate 3.5 times faster.")
    ['galaxi', 'rotat', '3.5', 'time', 'faster']

    Args:
        text: The text.
        singles: Characters of these scripts that are terms of their own, beside the pairs.
    """
    # Equal terms are one object: a long text has millions of them, and few different ones.
    return [intern(term) for term in _analyzer().analyze(segmented(text, singles=singles))]


@cache
def stop_terms() -> frozenset[str]:
    """Return the stop words of English, stemmed like `terms_of`."""
    return frozenset(terms_of(_STOP_WORDS))
